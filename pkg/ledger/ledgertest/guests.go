package ledgertest

import (
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var guests = []test{
	{"UnknownGuestIsNotFound", unknownGuest},
	{"EveryFieldIsKept", guestFields},
	{"ErasedFieldsAreGone", guestErased},
	{"SavingAStaleVersionConflicts", staleGuest},
	{"SavingAGuestNeverClaimedConflicts", unclaimedGuest},
	{"OneOfSeveralSavesOfTheSameVersionWins", savesRace},
}

func unknownGuest(t *testing.T, h Harness) {
	if _, err := h.Store.Guest(t.Context(), key(1)); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

func fullGuest(g ledger.Guest) ledger.Guest {
	g.UserID, g.Invite, g.Since, g.Mode, g.InvitedBy = "user", ledger.Invited, noon, "own", importID
	g.Confirmed, g.Mail, g.MailID, g.MailedBy = noon.Add(time.Nanosecond), ledger.MailSending, "<1@guestlist>", importID
	g.MailRepeats, g.Copy, g.CopyRepeats = 2, ledger.MailSending, 3
	g.RedeemURL = "https://login.example/redeem?rd=a%3a%2f&t='1'"
	return g
}

func guestFields(t *testing.T, h Harness) {
	claimed, err := h.Store.Claim(t.Context(), key(1), "worker", time.Minute)
	must(t, err)
	want := fullGuest(claimed)
	saved, err := h.Store.SaveGuest(t.Context(), want)
	must(t, err)
	same(t, "saved", want, saved)
	read, err := h.Store.Guest(t.Context(), key(1))
	must(t, err)
	same(t, "read", want, read)
	if saved.Version == claimed.Version || read.Version != saved.Version {
		t.Errorf("versions: claimed %q, saved %q, read %q", claimed.Version, saved.Version, read.Version)
	}
}

func guestErased(t *testing.T, h Harness) {
	g, err := h.Store.Claim(t.Context(), key(1), "worker", time.Minute)
	must(t, err)
	g, err = h.Store.SaveGuest(t.Context(), fullGuest(g))
	must(t, err)
	_, err = h.Store.SaveGuest(t.Context(), ledger.Guest{Key: g.Key, Version: g.Version})
	must(t, err)
	read, err := h.Store.Guest(t.Context(), key(1))
	must(t, err)
	same(t, "erased", ledger.Guest{Key: g.Key}, read)
}

func staleGuest(t *testing.T, h Harness) {
	g, err := h.Store.Claim(t.Context(), key(1), "worker", time.Minute)
	must(t, err)
	first := g
	first.UserID = "first"
	_, err = h.Store.SaveGuest(t.Context(), first)
	must(t, err)
	second := g
	second.UserID = "second"
	if _, err := h.Store.SaveGuest(t.Context(), second); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("error %v", err)
	}
	read, err := h.Store.Guest(t.Context(), key(1))
	must(t, err)
	if read.UserID != "first" {
		t.Errorf("the stale save wrote: user id %q", read.UserID)
	}
}

func unclaimedGuest(t *testing.T, h Harness) {
	_, err := h.Store.SaveGuest(t.Context(), ledger.Guest{Key: key(1), UserID: "user"})
	if !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("error %v", err)
	}
}

func savesRace(t *testing.T, h Harness) {
	g, err := h.Store.Claim(t.Context(), key(1), "worker", time.Minute)
	must(t, err)
	errs := make([]error, 8)
	together(len(errs), func(i int) {
		_, errs[i] = h.Store.SaveGuest(t.Context(), g)
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("error %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d saves of one version won", won)
	}
}
