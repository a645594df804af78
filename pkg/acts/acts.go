// Package acts names what others can see of a worker: a write to the ledger, a send, a dead letter, a blob, a change of the
// directory, a mail, the answer to the host. Each contract has a wrapper here that tells a [Mark] of every act, before it
// and after it. Two things are made of that: workers that die at an act, in the tests of one process (pkg/crashtest, by a
// panic) and as a real process (the test build of the handler, by SIGKILL).
//
// The wrappers embed nothing: a method that is added to a contract does not compile here until somebody says whether it is
// an act, and [Writes] must then name it. Reading is no act: a crash before or after it leaves the same.
//
// It leaves out crashes inside an act: what a write does half is for the suite of its adapter. No deployed program has
// this package in it.
package acts

import (
	"context"
	"slices"
)

// Mark is asked for each act. It calls do, which does the act, and returns what the worker hears of it: mostly do's error.
// act is service and method, such as "ledger.SaveGuest"; the function that acts is in ctx, see [FunctionOf].
type Mark func(ctx context.Context, act string, do func() error) error

// Do does f as an act.
func Do[T any](ctx context.Context, m Mark, act string, f func() (T, error)) (v T, err error) {
	err = m(ctx, act, func() (err error) {
		v, err = f()
		return err
	})
	return v, err
}

// Mail is the act of handing a mail to the mail server, and Answer that of answering the host.
const (
	Mail   = "mail.Send"
	Answer = "host.Answer"
)

// Writes returns the names of all acts, in order.
func Writes() []string {
	return slices.Sorted(slices.Values(slices.Concat(ledgerWrites, busWrites, blobWrites, graphWrites(), []string{Mail, Answer})))
}

type functionKey struct{}

// WithFunction returns a context in which the named Azure function acts.
func WithFunction(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, functionKey{}, name)
}

// FunctionOf returns the function that acts in ctx, or "" outside of every invocation.
func FunctionOf(ctx context.Context) string {
	name, _ := ctx.Value(functionKey{}).(string)
	return name
}
