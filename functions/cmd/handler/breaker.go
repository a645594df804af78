package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/graph"
	"guestlist/pkg/pace"
)

// watch tells the breaker what Microsoft Graph answers, and the pacer that the tenant refused to invite.
func watch(b *breaker.Breaker, p *pace.Pacer) func(context.Context, graph.Operation, error) {
	return func(ctx context.Context, op graph.Operation, err error) {
		e, is := errors.AsType[*graph.Error](err)
		switch scope := graph.ScopeOf(err); {
		case err == nil:
			b.Answered(ctx, string(op))
		case !is || e.Status == 0 || scope == graph.ScopeOutage:
		case scope == graph.ScopeIdentity, scope == graph.ScopeTenant, e.Class == graph.Throttled:
			b.Answered(ctx, "") // it can be reached, but the call was not judged
		default:
			b.Answered(ctx, string(op))
		}
		if graph.ScopeOf(err) == graph.ScopeTenant {
			if err := p.Refused(ctx); err != nil {
				slog.WarnContext(ctx, "the slow start does not begin anew", slog.String("error", err.Error()))
			}
		}
	}
}

// capAfter is a wait that none of Microsoft's limits asks for, the longest of which looks at 150 s: an invitation that is
// answered so has met the end of a day's, if there is such a thing. (pkg/graph cuts longer waits to this.)
const capAfter = 15 * time.Minute

// verdict is what a step returns for an error of Microsoft Graph: marked as trouble if others would meet it too; "too many
// requests" is told apart, since it teaches the pace.
func verdict(err error) error {
	v := graph.Verdict(err)
	e, is := errors.AsType[*graph.Error](err)
	if !is {
		return v
	}
	if e.Status == http.StatusTooManyRequests {
		v = &pace.Throttled{After: e.RetryAfter, Err: v}
		if e.Operation == graph.Invite && e.RetryAfter >= capAfter {
			return &breaker.Trouble{Cause: breaker.Capped, Operation: string(e.Operation), Err: v}
		}
		return v
	}
	t := &breaker.Trouble{Operation: string(e.Operation), Err: v}
	switch graph.ScopeOf(err) {
	case graph.ScopeOutage:
		t.Cause = breaker.Outage
	case graph.ScopeIdentity:
		t.Cause = breaker.Denied
	case graph.ScopeTenant:
		t.Cause = breaker.Refused
		if e.Reason() == "tenant.blocked" {
			t.Cause = breaker.Blocked
		}
	default:
		return v
	}
	return t
}
