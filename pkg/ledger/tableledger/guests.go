package tableledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/pkg/ledger"
)

func guestPartition(key string) string { return key[:min(2, len(key))] }

// Guest implements [ledger.Guests].
func (s *Store) Guest(ctx context.Context, key string) (ledger.Guest, error) {
	g, _, err := s.readGuest(ctx, key)
	if errors.Is(err, errMissing) {
		err = ledger.ErrNotFound
	}
	if err != nil {
		return ledger.Guest{}, fmt.Errorf("guest: %w", err)
	}
	return g, nil
}

func (s *Store) readGuest(ctx context.Context, key string) (ledger.Guest, string, error) {
	found, err := s.guests.get(ctx, guestPartition(key), key)
	if err != nil {
		return ledger.Guest{}, "", err
	}
	g, err := decodeGuest(key, found)
	return g, found.version(), err
}

// Claim implements [ledger.Guests]. It reads first, so the clock that it judges a lease by is a fresh one.
func (s *Store) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	for wait := newBackoff(); ; {
		g, err := s.claim(ctx, key, holder, d)
		if held, ok := errors.AsType[*ledger.HeldError](err); ok {
			return ledger.Guest{}, held
		}
		if err == nil {
			return g, nil
		}
		if err := wait.after(ctx, err); err != nil {
			return ledger.Guest{}, fmt.Errorf("claim a guest: %w", refused("guest "+key, err))
		}
	}
}

func (s *Store) claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	g, _, err := s.readGuest(ctx, key)
	if err != nil && !errors.Is(err, errMissing) {
		return ledger.Guest{}, err
	}
	now := s.clock.now()
	if g.Holder != "" && g.Holder != holder && now.Before(g.Until) {
		return ledger.Guest{}, &ledger.HeldError{Until: g.Until}
	}
	g.Key, g.Holder, g.Until = key, holder, now.Add(d)
	return s.writeGuest(ctx, g)
}

// SaveGuest implements [ledger.Guests].
func (s *Store) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	if g.Version == "" { // read from nowhere; an empty ETag would insert
		return ledger.Guest{}, fmt.Errorf("guest: %w", ledger.ErrConflict)
	}
	saved, err := s.writeGuest(ctx, g)
	if errors.Is(err, errLost) {
		err = ledger.ErrConflict
	}
	if err != nil {
		return ledger.Guest{}, fmt.Errorf("save a guest: %w", refused("guest "+g.Key, err))
	}
	return saved, nil
}

// writeGuest writes a row under the ETag that is its version, or inserts one without; errLost.
func (s *Store) writeGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	version, etag := newVersion(), azcore.ETag(g.Version)
	g.Since, g.Confirmed, g.Until = utc(g.Since), utc(g.Confirmed), utc(g.Until)
	row := encodeGuest(g, version)
	var err error
	if etag == "" {
		etag, err = s.guests.add(ctx, row)
	} else {
		etag, err = s.guests.replace(ctx, row, etag)
	}
	if errors.Is(err, errLost) {
		return s.ownGuest(ctx, g.Key, version)
	}
	g.Version = string(etag)
	return g, err
}

// ownGuest tells a lost race from a lost answer: in the latter case the row has the version that was to be written.
func (s *Store) ownGuest(ctx context.Context, key, version string) (ledger.Guest, error) {
	g, stored, err := s.readGuest(ctx, key)
	if err == nil && stored != version || errors.Is(err, errMissing) {
		err = errLost
	}
	return g, err
}

func encodeGuest(g ledger.Guest, version string) []byte {
	return newRow(guestPartition(g.Key), g.Key).one(versionProperty, version).
		put("UserID", g.UserID).
		put("Invite", string(g.Invite)).putTime("Since", g.Since).put("Mode", g.Mode).put("InvitedBy", g.InvitedBy).
		putTime("Confirmed", g.Confirmed).
		put("Mail", string(g.Mail)).put("MailID", g.MailID).put("MailedBy", g.MailedBy).putCount("MailRepeats", g.MailRepeats).
		put("Copy", string(g.Copy)).putCount("CopyRepeats", g.CopyRepeats).put("RedeemURL", g.RedeemURL).
		put("Holder", g.Holder).putTime("Until", g.Until).
		done()
}

func decodeGuest(key string, r stored) (ledger.Guest, error) {
	g := ledger.Guest{
		Key: key, UserID: r.text("UserID"),
		Invite: ledger.InviteState(r.text("Invite")), Mode: r.text("Mode"), InvitedBy: r.text("InvitedBy"),
		Mail: ledger.MailState(r.text("Mail")), MailID: r.text("MailID"), MailedBy: r.text("MailedBy"),
		Copy: ledger.MailState(r.text("Copy")), RedeemURL: r.text("RedeemURL"), Holder: r.text("Holder"), Version: string(r.etag()),
	}
	var errs [5]error
	g.Since, errs[0] = r.time("Since")
	g.Confirmed, errs[1] = r.time("Confirmed")
	g.Until, errs[2] = r.time("Until")
	g.MailRepeats, errs[3] = r.count("MailRepeats")
	g.CopyRepeats, errs[4] = r.count("CopyRepeats")
	return g, errors.Join(errs[:]...)
}
