package ledgertest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

// fields are tests that a field added to the contract fails until every store keeps it.
var fields = []test{
	{"EveryFieldOfAnEntryIsKept", fieldsOfEntry},
	{"EveryFieldOfAnImportIsKept", fieldsOfImport},
	{"EveryFieldOfAGuestIsKept", fieldsOfGuest},
	{"EveryFieldOfTheTenantIsKept", fieldsOfTenant},
	{"EveryFieldOfTheBreakerIsKept", fieldsOfBreaker},
	{"EveryFieldOfTheMailPaceIsKept", fieldsOfMailPace},
}

// filler sets values to something other than zero, and each to something else.
type filler struct{ n int }

// filled returns a T of which every field, however deep, has a value of its own.
func filled[T any](t *testing.T) T {
	t.Helper()
	var v T
	f := &filler{}
	f.fill(t, reflect.ValueOf(&v).Elem())
	return v
}

func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	f.n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon.Add(time.Duration(f.n))))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("value-", f.n))
	case v.CanInt():
		v.SetInt(int64(f.n))
	case v.CanFloat():
		v.SetFloat(float64(f.n) / 3)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(t, v.Index(i))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f.fill(t, v.Field(i))
		}
	default:
		t.Fatalf("a field of type %s: say here how to fill it", v.Type())
	}
}

// identical fails the test unless two values that a store returned for the same row are the same to the last bit, with
// times in UTC. Callers compare and hash what they read.
func identical[T any](t *testing.T, what string, one, other T) {
	t.Helper()
	if !reflect.DeepEqual(one, other) {
		t.Errorf("%s differs from what is read:\n%+v\n%+v", what, one, other)
	}
	inUTC(t, what, reflect.ValueOf(one))
}

func inUTC(t *testing.T, what string, v reflect.Value) {
	t.Helper()
	if at, ok := v.Interface().(time.Time); ok {
		if at.Location() != time.UTC {
			t.Errorf("%s is not in UTC: %s", what, at)
		}
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			inUTC(t, what, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			inUTC(t, what+", "+v.Type().Field(i).Name, v.Field(i))
		}
	}
}

func fieldsOfEntry(t *testing.T, h Harness) {
	want := filled[ledger.Entry](t)
	want.Import, want.Guest = importID, key(1)
	insert(t, h.Store, want)
	inserted, err := h.Second.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "inserted", want, inserted)
	insert(t, h.Store, planned(2))
	want.Guest = key(2)
	updated, _, err := h.Store.UpdateEntry(t.Context(), importID, key(2), func(e *ledger.Entry) error {
		*e = want
		return nil
	})
	must(t, err)
	same(t, "updated", want, updated)
	read, err := h.Second.Entry(t.Context(), importID, key(2))
	must(t, err)
	identical(t, "update", updated, read)
}

func fieldsOfImport(t *testing.T, h Harness) {
	want := filled[ledger.Import](t)
	want.ID = importID
	created := create(t, h.Store, want)
	same(t, "created", want, created)
	read, err := h.Second.Import(t.Context(), importID)
	must(t, err)
	identical(t, "creation", created, read)
	create(t, h.Store, ledger.Import{ID: "other", Revision: 1})
	want.ID = "other"
	updated, err := h.Store.UpdateImport(t.Context(), "other", func(i *ledger.Import) error {
		*i = want
		return nil
	})
	must(t, err)
	same(t, "updated", want, updated)
	read, err = h.Second.Import(t.Context(), "other")
	must(t, err)
	identical(t, "update", updated, read)
}

func fieldsOfGuest(t *testing.T, h Harness) {
	claimed, err := h.Store.Claim(t.Context(), key(1), "worker", time.Minute)
	must(t, err)
	want := filled[ledger.Guest](t)
	want.Key, want.Version = claimed.Key, claimed.Version
	saved, err := h.Store.SaveGuest(t.Context(), want)
	must(t, err)
	same(t, "saved", want, saved)
	read, err := h.Second.Guest(t.Context(), key(1))
	must(t, err)
	identical(t, "save", saved, read)
}

func fieldsOfTenant(t *testing.T, h Harness) {
	want := filled[ledger.Tenant](t)
	updated, err := h.Store.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
		*row = want
		return nil
	})
	must(t, err)
	same(t, "updated", want, updated)
	read, err := h.Second.Tenant(t.Context())
	must(t, err)
	identical(t, "update", updated, read)
}

func fieldsOfBreaker(t *testing.T, h Harness) {
	want := filled[ledger.Breaker](t)
	updated, err := h.Store.UpdateBreaker(t.Context(), func(row *ledger.Breaker, _ time.Time) error {
		*row = want.Copy()
		return nil
	})
	must(t, err)
	same(t, "updated", want, updated)
	read, err := h.Second.Breaker(t.Context())
	must(t, err)
	identical(t, "update", updated, read)
}

func fieldsOfMailPace(t *testing.T, h Harness) {
	want := filled[ledger.MailPace](t)
	updated, err := h.Store.UpdateMailPace(t.Context(), func(row *ledger.MailPace, _ time.Time) error {
		*row = want
		return nil
	})
	must(t, err)
	same(t, "updated", want, updated)
	read, err := h.Second.MailPace(t.Context())
	must(t, err)
	identical(t, "update", updated, read)
}
