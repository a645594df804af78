package tableledger

import (
	"context"
	"sync"

	"guestlist/pkg/ledger"
)

// op is one update of one entry that somebody waits for.
type op struct {
	guest  string
	change func(*ledger.Entry) error
	done   chan struct{} // closed when the result below is final

	mu   sync.Mutex // held while change runs
	left bool       // nobody waits any more: change must not run again

	result
}

// result is how an op ended, or would end if the transaction in hand went through.
type result struct {
	entry ledger.Entry
	tally ledger.Tally
	wrote bool
	err   error
	// tooLarge says that err is the store's refusal, not an error of change.
	tooLarge bool
}

// leave says that nobody waits any more. When it returns, change does not run and will not.
func (o *op) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left = true
}

// queue is what this process wants of one partition. Whoever holds the turn works off all that is pending, for others
// too; so writers of one process never meet at the tally, and many updates share one transaction.
type queue struct {
	turn    chan struct{} // holds one item while somebody has the turn
	users   int           // by queues.mu
	mu      sync.Mutex
	pending []*op
}

func (q *queue) add(ops ...*op) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = append(q.pending, ops...)
}

func (q *queue) take() []*op {
	q.mu.Lock()
	defer q.mu.Unlock()
	ops := q.pending
	q.pending = nil
	return ops
}

// queues holds the queues that are in use, by partition.
type queues struct {
	mu  sync.Mutex
	all map[string]*queue
}

// open returns the queue of a partition; close gives it back.
func (qs *queues) open(partition string) *queue {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q := qs.all[partition]
	if q == nil {
		if qs.all == nil {
			qs.all = map[string]*queue{}
		}
		q = &queue{turn: make(chan struct{}, 1)}
		qs.all[partition] = q
	}
	q.users++
	return q
}

func (qs *queues) close(partition string, q *queue) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(qs.all, partition)
	}
}

// enter waits for the turn at a partition. The function that it returns ends the turn.
func (qs *queues) enter(ctx context.Context, partition string) (func(), error) {
	q := qs.open(partition)
	select {
	case q.turn <- struct{}{}:
		return func() {
			<-q.turn
			qs.close(partition, q)
		}, nil
	case <-ctx.Done():
		qs.close(partition, q)
		return nil, ctx.Err()
	}
}

// run waits until the ops are done, by somebody else's hand or, on getting the turn, by work, which returns what it left
// unfinished because ctx ended.
func (qs *queues) run(ctx context.Context, partition string, ops []*op, work func([]*op) (unfinished []*op)) error {
	q := qs.open(partition)
	defer qs.close(partition, q)
	q.add(ops...)
	for _, o := range ops {
		for !o.finished() {
			select {
			case <-o.done:
			case q.turn <- struct{}{}:
				unfinished := work(q.take())
				leaveIfEnded(ctx, ops) // before somebody else can take them
				q.add(unfinished...)
				<-q.turn
			case <-ctx.Done():
				leaveIfEnded(ctx, ops)
			}
			if err := ctx.Err(); err != nil && !o.finished() {
				return err
			}
		}
	}
	return nil
}

func leaveIfEnded(ctx context.Context, ops []*op) {
	if ctx.Err() == nil {
		return
	}
	for _, o := range ops {
		o.leave()
	}
}

func (o *op) finished() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}
