package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/wait"
)

// tablesAgain is the time between two tries to make the tables.
const tablesAgain = 5 * time.Second

// makeTables makes the ledger's tables. Storage that cannot be reached is no reason to end: the host starts a handler three
// times and then gives up, while messages that find no ledger wait by themselves. So the tables are made in the background
// then, until ctx ends. Storage that refuses is an error, which says what to mend.
func makeTables(ctx context.Context, l *tableledger.Store, log *slog.Logger) error {
	first, cancel := context.WithTimeout(ctx, tablesAgain)
	defer cancel()
	err := l.Create(first)
	if !tableledger.IsAway(err) {
		return connected(err)
	}
	log.WarnContext(ctx, "storage cannot be reached; work waits until it can", slog.String("error", err.Error()))
	go func() {
		for wait.For(ctx, tablesAgain) == nil {
			err := l.Create(ctx)
			if err == nil {
				log.InfoContext(ctx, "storage is there, the ledger's tables too")
				return
			}
			log.WarnContext(ctx, "the ledger's tables cannot be made", slog.String("error", err.Error()))
		}
	}()
	return nil
}

func connected(err error) error {
	if err != nil {
		return fmt.Errorf("connect to storage: %w", err)
	}
	return nil
}
