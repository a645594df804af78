package main

import (
	"context"
	"slices"
	"strings"
	"sync"

	"guestlist/.ci/internal/testevent"
)

const (
	workers = 4  // processes at a time; the tests wait more than they work
	chunk   = 12 // tests for one process
)

// bySecond are the tests of the root package that name queues after the second of the clock. So do all of internal. Two
// processes must not run them at the same time.
var bySecond = []string{"TestReceiveWithDelay", "TestRenewLocks", "TestRenewLocksEarlyCancel"}

// job is a list of tests for one process.
type job struct {
	testPackage
	tests []string
}

// schedule divides what is pending into jobs. Those of the first list come one after the other; the others run beside
// each other and the first list.
func schedule(packages []testPackage, v *verdict) (serial, parallel []job) {
	for _, p := range packages {
		var free, named []string
		for _, test := range v.pending(p) {
			if p.name == "internal" || slices.Contains(bySecond, test) {
				named = append(named, test)
			} else {
				free = append(free, test)
			}
		}
		if len(named) > 0 {
			serial = append(serial, job{p, named})
		}
		for tests := range slices.Chunk(free, chunk) {
			parallel = append(parallel, job{p, tests})
		}
	}
	return serial, parallel
}

// runAll runs every pending test once. A test that takes its process down ends the others of that process unrun: they
// run again in the next round, which is the last when nothing new came of one.
func runAll(ctx context.Context, packages []testPackage, env []string, v *verdict) {
	for left := -1; ctx.Err() == nil; {
		serial, parallel := schedule(packages, v)
		n := count(serial) + count(parallel)
		if n == 0 || n == left {
			return
		}
		left = n
		queue := make(chan job)
		var running sync.WaitGroup
		running.Go(func() {
			for _, j := range serial {
				j.do(ctx, env, v)
			}
		})
		for range workers - 1 {
			running.Go(func() {
				for j := range queue {
					j.do(ctx, env, v)
				}
			})
		}
		for _, j := range parallel {
			queue <- j
		}
		close(queue)
		running.Wait()
	}
}

func (j job) do(ctx context.Context, env []string, v *verdict) {
	pattern := "^(" + strings.Join(j.tests, "|") + ")$"
	v.ended(j, j.run(ctx, env, pattern, func(e testevent.Event) { v.add(j.testPackage, e) }))
}

func count(jobs []job) (n int) {
	for _, j := range jobs {
		n += len(j.tests)
	}
	return n
}
