package tableledger

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"guestlist/pkg/ledger"
)

const (
	partitions   = 16 // per import
	entryKey     = "e|"
	dueKey       = "d|"
	waitKey      = "w|"
	tallyKey     = "c"
	tallyColumn  = "Tally"
	targetColumn = "T%02d"
)

// partitionOf returns the partition of a guest; see [ledger.PartOf].
func partitionOf(importID, guest string) string {
	return partitionName(importID, ledger.PartOf(guest)*partitions/ledger.Parts)
}

func partitionName(importID string, n int) string {
	return safe(importID) + "-" + strconv.FormatInt(int64(n), 16)
}

// dueRow returns the beginning of the index key of a due time. Nanoseconds of the Unix time have nineteen digits from
// 2001 to 2286; keys sort like times.
func dueRow(t time.Time) string { return fmt.Sprintf("%s%019d|", dueKey, max(0, t.UnixNano())) }

func waitRow(reason string) string { return waitKey + safe(reason) + "|" }

// indexKeys returns the row keys of the indexes of an entry, sorted.
func indexKeys(e *ledger.Entry) []string {
	var keys []string
	if due, ok := e.Due(); ok {
		keys = append(keys, dueRow(due)+e.Guest)
	}
	for _, s := range e.Steps() {
		if s.State == ledger.Waiting {
			keys = append(keys, waitRow(s.Wait)+e.Guest)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func encodeEntry(partition string, e *ledger.Entry) ([]byte, error) {
	r := newRow(partition, entryKey+e.Guest).one(versionProperty, e.Version).
		put("Address", e.Address).put("DisplayName", e.DisplayName).
		put("Text", e.Text).put("RedirectURL", e.RedirectURL).put("CC", e.CC).put("Language", e.Language).
		put("Mail", e.Mail).put("UserID", e.UserID)
	errs := []error{r.putJSON("Invite", e.Invite), r.putJSON("Notify", e.Notify)}
	if len(e.Lines) > 0 {
		errs = append(errs, r.putJSON("Lines", e.Lines))
	}
	for i, t := range e.Targets {
		errs = append(errs, r.putJSON(fmt.Sprintf(targetColumn, i), t))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("entry of import %s: %w", e.Import, err)
	}
	return r.done(), nil
}

func decodeEntry(importID string, r stored) (ledger.Entry, error) {
	e := ledger.Entry{
		Import: importID, Guest: r.one("RowKey")[len(entryKey):], Version: r.version(),
		Address: r.text("Address"), DisplayName: r.text("DisplayName"),
		Text: r.text("Text"), RedirectURL: r.text("RedirectURL"), CC: r.text("CC"), Language: r.text("Language"),
		Mail: r.text("Mail"), UserID: r.text("UserID"),
	}
	errs := []error{r.json("Invite", &e.Invite), r.json("Notify", &e.Notify), r.json("Lines", &e.Lines)}
	for {
		column := fmt.Sprintf(targetColumn, len(e.Targets))
		if r.one(column) == "" {
			break
		}
		var t ledger.Target
		errs = append(errs, r.json(column, &t))
		e.Targets = append(e.Targets, t)
	}
	if err := errors.Join(errs...); err != nil {
		return e, fmt.Errorf("entry of import %s: %w", e.Import, err)
	}
	return e, nil
}

// own makes a copy of e that shares nothing with it, with times as the table returns them.
func own(e ledger.Entry) ledger.Entry {
	e.Lines, e.Targets = slices.Clone(e.Lines), slices.Clone(e.Targets)
	for _, s := range e.Steps() {
		s.Due, s.At = utc(s.Due), utc(s.At)
	}
	return e
}

func encodeTally(partition string, t ledger.Tally) ([]byte, error) {
	r := newRow(partition, tallyKey)
	err := r.putJSON(tallyColumn, t)
	return r.done(), err
}
