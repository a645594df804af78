package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"guestlist/pkg/doctor"
	"guestlist/pkg/graph"
)

// tenant asks Microsoft Graph for the doctor.
type tenant struct{ graph *graph.Client }

var _ doctor.Tenant = tenant{}

// microsoftGraph is the application (client) ID of Microsoft Graph itself, whose enterprise app every tenant has.
const microsoftGraph = "00000003-0000-0000-c000-000000000000"

func (t tenant) Caller(ctx context.Context) (doctor.Caller, error) {
	who, err := t.graph.Caller(ctx)
	return doctor.Caller(who), err
}

// Try makes the request of a trial. Ids are made anew for each, so that no object can have them; an invitation without an
// address can invite nobody.
func (t tenant) Try(ctx context.Context, trial doctor.Trial) doctor.Answer {
	var err error
	switch trial {
	case doctor.ReadUsers:
		_, err = t.graph.Find(ctx, "nobody-"+uuid.NewString()+"@guestlist.invalid")
		if errors.Is(err, graph.ErrNotFound) {
			err = nil // the search worked
		}
	case doctor.ReadGroup:
		_, err = t.graph.Group(ctx, uuid.NewString())
	case doctor.ReadApplication:
		_, err = t.graph.Application(ctx, microsoftGraph)
	case doctor.Invite:
		_, err = t.graph.Invite(ctx, graph.Invitation{RedirectURL: "https://myapplications.microsoft.com"})
	case doctor.AddMember:
		_, err = t.graph.AddMember(ctx, uuid.NewString(), uuid.NewString())
	case doctor.AssignRole:
		_, err = t.graph.AssignRole(ctx, uuid.NewString(), graph.DefaultRole, uuid.NewString())
	}
	return answer(err)
}

func (t tenant) Organization(ctx context.Context) (doctor.Organization, doctor.Answer) {
	o, err := t.graph.Organization(ctx)
	return doctor.Organization{Name: o.Name, PrimaryDomain: o.PrimaryDomain, Initial: o.InitialDomain}, answer(err)
}

func (t tenant) InvitesFrom(ctx context.Context) (string, doctor.Answer) {
	from, err := t.graph.InvitesFrom(ctx)
	return from, answer(err)
}

// answer is what an error of the client says of Microsoft Graph's answer.
func answer(err error) doctor.Answer {
	if err == nil {
		return doctor.Answer{Status: 200}
	}
	if e, ok := errors.AsType[*graph.Error](err); ok {
		return doctor.Answer{Status: e.Status, Code: e.Code, Message: e.Message, RequestID: e.RequestID}
	}
	return doctor.Answer{Message: err.Error()}
}
