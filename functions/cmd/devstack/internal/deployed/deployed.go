// Package deployed is the Function App as it is deployed: its folder and its queues. [Stage] builds the folder that a host runs,
// as "make package" does; [Queues] are those of infra/azure, whose settings are part of what the handler promises.
package deployed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
)

// Stage puts host.json, the handler and every function.json of the repository at root into dir. The handler is built with
// the given tags.
func Stage(root, dir string, tags ...string) error {
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", strings.Join(tags, ","),
		"-o", filepath.Join(dir, "handler"), "./functions/cmd/handler")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the handler: %w\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(root, "functions", "*", "function.json"))
	if err != nil || len(files) < 6 {
		return fmt.Errorf("%d functions found: %w", len(files), err)
	}
	for _, f := range files {
		if err := copyFile(f, filepath.Join(dir, filepath.Base(filepath.Dir(f)), "function.json")); err != nil {
			return err
		}
	}
	return copyFile(filepath.Join(root, "host.json"), filepath.Join(dir, "host.json"))
}

func copyFile(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o644)
}

// Queues are those that infra/azure makes, with duplicate detection or without.
func Queues(dedup bool) []servicebus.Queue {
	var all []servicebus.Queue
	for _, name := range message.Queues {
		q := servicebus.Queue{Name: name, LockDuration: time.Minute, MaxDeliveryCount: 50}
		if name == message.Uploads {
			q.MaxDeliveryCount = 200
		}
		if dedup {
			q.DuplicateWindow = time.Hour
		}
		all = append(all, q)
	}
	return all
}
