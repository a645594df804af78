package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/assign"
	"guestlist/pkg/graph"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
)

// directory gives the steps Microsoft Graph in the words each of them uses, and its errors as verdicts.
type directory struct {
	graph   *graph.Client
	assigns bool // whether its identity may assign applications
}

var (
	_ invite.Directory = directory{}
	_ assign.Directory = directory{}
	_ plan.Directory   = directory{}
)

func (d directory) Find(ctx context.Context, address string) (string, error) {
	a, err := d.graph.Find(ctx, address)
	if errors.Is(err, graph.ErrNotFound) {
		return "", nil
	}
	return a.ID, verdict(err)
}

func (d directory) Confirm(ctx context.Context, userID, address string) (bool, error) {
	same, err := d.graph.Confirm(ctx, userID, address)
	return same, verdict(err)
}

func (d directory) Invite(ctx context.Context, i invite.Invitation) (invite.Invited, error) {
	made, err := d.graph.Invite(ctx, graph.Invitation{Address: i.Address, DisplayName: i.DisplayName, RedirectURL: i.RedirectURL,
		Text: i.Text, CC: i.CC, Language: i.Language, SendMail: i.Mail})
	if e, ok := errors.AsType[*graph.Error](err); err != nil && (!ok || !e.Certain()) {
		return invite.Invited{}, fmt.Errorf("%w: %w", invite.ErrUncertain, verdict(err))
	}
	return invite.Invited(made), verdict(err)
}

// AddMembers tells a refusal that may be one member's from one that would meet each of them: what the identity may do, and
// what the group is.
func (d directory) AddMembers(ctx context.Context, groupID string, userIDs []string) error {
	err := d.graph.AddMembers(ctx, groupID, userIDs)
	e, ok := errors.AsType[*graph.Error](err)
	if !ok || !e.Certain() || e.Class == graph.Throttled || e.Class == graph.Auth || slices.Contains(everybodys, e.Reason()) {
		return verdict(err)
	}
	refused := &assign.Refused{Err: verdict(err)}
	if e.Class == graph.Replicating {
		if strings.EqualFold(e.Missing, groupID) {
			return refused.Err
		}
		refused.Missing = e.Missing
	}
	return refused
}

// everybodys are the reasons that speak of the group.
var everybodys = []string{"group.forbidden", "group.mail-enabled", "group.synced"}

func (d directory) AddMember(ctx context.Context, groupID, userID string) (bool, error) {
	added, err := d.graph.AddMember(ctx, groupID, userID)
	return added, verdict(err)
}

// Members finds nobody in a group that is not there: the write then says so.
func (d directory) Members(ctx context.Context, groupID string, userIDs []string) ([]string, error) {
	members, err := d.graph.Members(ctx, groupID, userIDs)
	if errors.Is(err, graph.ErrNotFound) {
		return nil, nil
	}
	return members, verdict(err)
}

func (d directory) AssignRole(ctx context.Context, objectID, roleID, userID string) (bool, error) {
	assigned, err := d.graph.AssignRole(ctx, objectID, roleID, userID)
	return assigned, verdict(err)
}

func (d directory) HasRole(ctx context.Context, objectID, roleID, userID string) (bool, error) {
	has, err := d.graph.HasRole(ctx, objectID, roleID, userID)
	return has, verdict(err)
}

// Group refuses what guests must never be added to, before anything is written.
func (d directory) Group(ctx context.Context, t ledger.Target) (ledger.Target, error) {
	g, err := steadily(ctx, func() (graph.Group, error) { return d.graph.Group(ctx, t.ID) })
	if errors.Is(err, graph.ErrNotFound) {
		return t, message.Never("group.unknown", fmt.Sprintf("The directory has no group %s. Correct the group in the file or in the source's policy.", label(t)))
	}
	if err != nil {
		return t, judging(err)
	}
	t.Name = g.Name
	for _, no := range []struct {
		is        bool
		code, why string
	}{
		{g.RoleAssignable, "group.role-assignable", "can carry administrator roles"},
		{g.Dynamic, "group.dynamic", "takes its members from a rule"},
		{g.Synced, "group.synced", "is mastered on premises"},
		{g.MailEnabled, "group.mail-enabled", "is a mail-enabled group or distribution list"},
	} {
		if no.is {
			return t, message.Never(no.code, fmt.Sprintf("Group %s %s, so Guestlist never adds guests to it. Use a plain security group.", label(t), no.why))
		}
	}
	return t, nil
}

// Application finds the enterprise app and the app role to assign. Before the call t.Role is the value that the policy
// names; after it, the role's id.
func (d directory) Application(ctx context.Context, t ledger.Target) (ledger.Target, error) {
	if !d.assigns {
		return t, message.Never("application.off", fmt.Sprintf("This installation assigns no applications (APP_ASSIGNMENT is off), so application %s was left out. "+
			"Assign the application to a group, and name the group in the file.", label(t)))
	}
	a, err := steadily(ctx, func() (graph.Application, error) { return d.graph.Application(ctx, t.ID) })
	if errors.Is(err, graph.ErrNotFound) {
		return t, message.Never("application.unknown", fmt.Sprintf("The directory has no enterprise app with application (client) ID %s. "+
			"Correct the id in the file or in the source's policy, or add the app to the tenant.", t.ID))
	}
	if err != nil {
		return t, judging(err)
	}
	t.Name, t.Object = a.Name, a.ObjectID
	if a.Microsoft {
		return t, message.Never("application.microsoft", fmt.Sprintf("%s is Microsoft's own application; Guestlist never assigns it.", label(t)))
	}
	return role(t, a)
}

// role chooses the app role: the one that is named, or the default one of an application that declares none at all.
func role(t ledger.Target, a graph.Application) (ledger.Target, error) {
	wanted := t.Role
	t.Role = graph.DefaultRole
	if wanted == "" && len(a.Roles) == 0 {
		return t, nil
	}
	var values []string
	for _, r := range a.Roles {
		if !r.Enabled || !r.ForUsers || r.Value == "" {
			continue
		}
		if r.Value == wanted {
			t.Role, t.Name = r.ID, t.Name+" ("+r.Value+")"
			return t, nil
		}
		values = append(values, r.Value)
	}
	has := "It declares none that users can have; its owner must add one"
	if len(values) > 0 {
		has = "Users can have: " + strings.Join(values, ", ")
	}
	if wanted != "" {
		return t, message.Never("application.role-unknown", fmt.Sprintf("Application %s has no app role %q that users can have. %s. "+
			"Correct the role in the source's policy or in the file.", label(t), wanted, has))
	}
	return t, message.Never("application.role-missing", fmt.Sprintf("Application %s declares app roles, so one must be chosen. %s. "+
		"Name it as \"role\" of the application in the source's policy, or list it under \"roles\" there and write APPLICATION:ROLE in the file.", label(t), has))
}

func label(t ledger.Target) string {
	if t.Name != "" && t.Name != t.ID {
		return fmt.Sprintf("%q (%s)", t.Name, t.ID)
	}
	return t.ID
}

// steadily asks up to three times where an answer was lost. A stage that gives up starts from zero again: with hundreds of
// targets it would never come to its end in a directory that loses one answer in a hundred.
func steadily[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for tries := 1; ; tries++ {
		answer, err := ask()
		e, ok := errors.AsType[*graph.Error](err)
		if !ok || e.Class != graph.Transient || tries == 3 || ctx.Err() != nil {
			return answer, err
		}
	}
}

// judging is the verdict on a directory that cannot judge a target now: the file waits, whatever the cause. A row is never
// refused for it, and a permission that is missing can be granted while the file waits.
func judging(err error) error {
	if later, ok := errors.AsType[*message.Later](verdict(err)); ok {
		return &message.Later{After: later.After, Why: later.Why}
	}
	after := time.Minute // a person has to grant a permission
	if graph.ScopeOf(err) == graph.ScopeOutage {
		after = 10 * time.Second
	}
	return &message.Later{After: after, Why: "Microsoft Graph cannot judge the file's groups and applications: " + err.Error()}
}
