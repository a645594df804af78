package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/csvfile"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
)

// drop is one file that was dropped.
type drop struct {
	file, path, importID string
	at                   time.Time
	seconds              float64
}

// drop puts every file into the inbox, and follows what becomes of them if nobody waits for it.
func (s *stack) drop(ctx context.Context) ([]*drop, error) {
	var drops []*drop
	used := map[string]int{}
	for _, file := range s.csv {
		if s.seed == "" {
			if err := s.fillDirectory(file); err != nil {
				return nil, err
			}
		}
		d, err := s.upload(ctx, file, unused(filepath.Base(file), used))
		if err != nil {
			return nil, fmt.Errorf("drop %s: %w", file, err)
		}
		drops = append(drops, d)
	}
	if len(drops) > 0 && !s.exit {
		go func() {
			if err := s.follow(ctx, drops); err != nil && ctx.Err() == nil {
				s.console.say("following the dropped files: %v", err)
			}
		}()
	}
	return drops, nil
}

// unused gives the second file of a name a name of its own: the watcher cannot see two versions between two polls.
func unused(name string, used map[string]int) string {
	used[name]++
	if n := used[name]; n > 1 {
		ext := filepath.Ext(name)
		return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
	}
	return name
}

func (s *stack) upload(ctx context.Context, file, path string) (*drop, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &drop{file: file, path: path, at: time.Now()}
	if s.aws != nil {
		b, err := s.relayed(ctx, file, path)
		if err != nil {
			return nil, err
		}
		s.dropped(d, b)
		return d, nil
	}
	w := s.services.Blobs.Create(ctx, policy.Container(s.source), path)
	if _, err := io.Copy(w, f); err != nil {
		w.Abort()
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	b, err := s.services.Blobs.Stat(ctx, policy.Container(s.source), path)
	if err != nil {
		return nil, err
	}
	s.dropped(d, b)
	return d, nil
}

// dropped notes which blob a file became.
func (s *stack) dropped(d *drop, b blobstore.Info) {
	d.path, d.importID = b.Path, message.ImportID(s.services.Blobs.Account(), b.Container, b.Path, b.ETag)
	s.console.say("dropped %s into %s as %s", d.file, b.Container, b.Path)
}

// fillDirectory makes the groups and applications that a file asks for, so that any file can be tried.
func (s *stack) fillDirectory(file string) error {
	ask, err := askOf(file)
	if err != nil {
		s.console.say("%s asks for nothing that could be made in the directory: %v", file, err)
		return nil // the import itself will say so, row by row
	}
	for n, id := range ask.Groups.List {
		if !csvfile.IsID(id) {
			continue
		}
		if _, err := s.entra.AddGroup(entra.Group{ID: id, DisplayName: fmt.Sprintf("Group %d of %s", n+1, filepath.Base(file))}); err != nil {
			return err
		}
		s.console.say("made group %s in the directory, because %s asks for it", id, file)
	}
	for n, app := range policy.Propose(s.source, ask).Applications { // with the app roles that rows name
		made := entra.Application{AppID: app.ID, DisplayName: fmt.Sprintf("Application %d of %s", n+1, filepath.Base(file))}
		for _, role := range app.Roles {
			made.AppRoles = append(made.AppRoles, entra.AppRole{Value: role, DisplayName: role, AllowedMemberTypes: []string{"User"}})
		}
		if _, err := s.entra.AddApplication(made); err != nil {
			return err
		}
		s.console.say("made application %s in the directory, because %s asks for it", app.ID, file)
	}
	return nil
}

func askOf(file string) (policy.Ask, error) {
	f, err := os.Open(file)
	if err != nil {
		return policy.Ask{}, err
	}
	defer f.Close()
	var ask policy.Ask
	r, err := csvfile.NewReader(f)
	for err == nil {
		var row csvfile.Row
		if row, err = r.Next(); err == nil {
			ask.Add(row)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return ask, err
}

// follow waits until every dropped file is settled, and plays the operator where one is held.
func (s *stack) follow(ctx context.Context, drops []*drop) error {
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	open := append([]*drop(nil), drops...)
	for len(open) > 0 {
		var still []*drop
		for _, d := range open {
			settled, err := s.settled(ctx, d)
			if err != nil {
				return err
			}
			if !settled {
				still = append(still, d)
			}
		}
		open = still
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (s *stack) settled(ctx context.Context, d *drop) (bool, error) {
	i, err := status.Find(ctx, s.services.Ledger, d.importID)
	if _, unknown := errors.AsType[*message.Failure](err); unknown {
		return false, nil // the event is still on its way
	}
	if err != nil {
		return false, err
	}
	settled := i.Settled()
	if i.State == "held" && i.Code == "source.unknown" {
		settled, err = s.allow(ctx, i)
	}
	if settled {
		d.seconds = time.Since(d.at).Seconds()
	}
	return settled, err
}

// allow does what an operator does about a source without a policy: look at what the file asks for, and add the source.
// With a seeded directory and no policy that is left to a person, and true says that the file stays held.
func (s *stack) allow(ctx context.Context, i status.Import) (bool, error) {
	sources := &plan.Sources{Ledger: s.services.Ledger, Blobs: s.services.Blobs, Bus: s.services.Bus}
	var p policy.Policy
	var err error
	switch {
	case s.policy != "":
		var raw []byte
		if raw, err = os.ReadFile(s.policy); err == nil {
			p, err = policy.ParseFor(s.source, raw)
		}
		s.console.say("running: guestlist source add %s -file %s", s.source, s.policy)
	case s.seed == "":
		s.console.say("running: guestlist source add %s -from %s", s.source, i.ID)
		p, err = sources.Propose(ctx, s.source, i.ID)
	default:
		return true, nil
	}
	if err != nil {
		return false, err
	}
	p.Describe(s.console.text())
	n, err := sources.Add(ctx, p)
	if err == nil {
		s.console.say("source %s may do this; held files that go on: %d", s.source, n)
	}
	return false, err
}
