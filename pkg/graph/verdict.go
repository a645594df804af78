package graph

import (
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"guestlist/pkg/message"
)

const (
	// throttledFor is the wait after a throttled answer that names none: the longest of Microsoft's short windows.
	throttledFor = 10 * time.Second
	// replicatingFor and as much again at random is the wait for a new object to be known everywhere.
	replicatingFor = 5 * time.Second
	// replicationBudget is how long replication may take: minutes were reported, a quarter of an hour never.
	replicationBudget = 15 * time.Minute
)

// Verdict turns an error of [Client] into what a step returns: throttled and not yet replicated are a [*message.Later],
// what cannot succeed is a [*message.Failure] that says what to do next, and anything else comes back as it is, to be
// tried again. [ErrNotFound] comes back as it is too: only the caller knows what it means.
func Verdict(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch e.Class {
	case Throttled:
		after := e.RetryAfter
		if after <= 0 {
			after = throttledFor
		}
		return &message.Later{After: after, Why: "throttled by Microsoft Graph"}
	case Replicating:
		return &message.Later{After: max(e.RetryAfter, replicatingFor+rand.N(replicatingFor)), Budget: replicationBudget, Class: "replication",
			Why: "Microsoft Graph does not know the guest or the target everywhere yet", Spent: e.failure()}
	case Refused, Tenant, Auth:
		return e.failure()
	}
	return err
}

// failure says what Microsoft Graph said, and what to do.
func (e *Error) failure() *message.Failure {
	r := e.rule()
	if r.reason == "" {
		r.reason, r.advice = "graph.refused", askVerbose
	}
	said := strings.TrimSuffix(e.Message, ".")
	return &message.Failure{Code: r.reason, Text: "Microsoft Graph answered: " + said + ". " + r.advice, Request: e.RequestID}
}
