package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

const (
	engineers = "3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01"
	finance   = "c58a6e13-90f7-4d2b-a4c8-2e1b7f9d4c03"
)

var asked = policy.Ask{Rows: 4, Guests: 3, CC: true, Groups: policy.Wanted{List: []string{engineers}}, Domains: policy.Wanted{List: []string{"partner.example"}}}

func (w *world) policyOf(source string) (policy.Policy, bool) {
	w.t.Helper()
	c := &call{ctx: w.t.Context(), services: w.services}
	p, err := c.policy(source)
	if errors.Is(err, blobstore.ErrNotFound) {
		return p, false
	}
	w.must(err)
	return p, true
}

func TestSourceAddAllowsWhatTheHeldFileAsksForOnlyIfAPersonAgrees(t *testing.T) {
	t.Parallel()
	w := alone(t)
	id := w.held("88aa0000000000000001", "add-from", asked).ID
	for _, typed := range []string{"n\n", "\n", "maybe\n", ""} {
		if r := w.run(typed, "source", "add", "add-from", "-from", "88aa"); r.code != exitFailed {
			t.Errorf("answer %q: exit %d", typed, r.code)
		}
		if _, ok := w.policyOf("add-from"); ok || w.get(id).State != ledger.Held {
			t.Fatalf("answer %q changed something", typed)
		}
	}
	w.run("Yes\n", "source", "add", "add-from", "-from", "88aa")
	p, _ := w.policyOf("add-from")
	if diff := cmp.Diff(policy.Propose("add-from", asked), p, cmp.Transformer("JSON", policy.Policy.JSON)); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	active, _ := w.queued(message.Uploads)
	if i := w.get(id); i.State != ledger.Staging || i.Stage.Generation != 2 || active != 1 {
		t.Errorf("the file is %s, generation %d, %d messages are queued: it must be read again", i.State, i.Stage.Generation, active)
	}
	w.run("y\n", "source", "add", "add-from", "-from", "88aa")
	w.golden("source-add-from", moments)
}

func TestSourceAddMarksWhatIsNew(t *testing.T) {
	t.Parallel()
	w := alone(t)
	w.blob("config", policy.File("add-more"), policy.Policy{Version: 1, Source: "add-more", MaxGuests: 2, AllowText: true,
		Groups: []policy.Group{{ID: finance, Name: "Finance"}}, Domains: []string{"partner.example"}}.JSON())
	w.held("88ab0000000000000001", "add-more", asked)
	w.run("", "source", "add", "add-more", "-from", "88ab", "-yes")
	p, _ := w.policyOf("add-more")
	if len(p.Groups) != 2 || p.Groups[0].Name != "Finance" || p.MaxGuests != 3 || !p.AllowText || !p.AllowCC {
		t.Errorf("the policy does not allow both what it did and what the file asks for: %s", p.JSON())
	}
	w.run("", "source", "show", "add-more")
	w.run("", "source", "add", "add-more", "-yes", "-json")
	w.golden("source-add-more", moments)
}

func TestSourceAddOfANewNameMakesTheInboxAndAllowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run("n\n", "source", "add", "add-new")
	w.run("y\n", "source", "add", "add-new")
	w.run("", "source", "add", "add-new", "-yes", "-json") // again: no harm
	if p, ok := w.policyOf("add-new"); ok {
		t.Errorf("it wrote a policy, so that the first file is judged instead of held: %s", p.JSON())
	}
	w.run("", "source", "show", "add-new")
	w.held("88ac0000000000000001", "add-new", asked)
	w.run("", "source", "add", "add-new", "-yes")
	w.run("", "source", "add", "Not-A-Name")
	w.golden("source-add-new", moments)
}

func TestSourceAddUploadsAPolicyFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, bad := range []string{"testdata/typo.json", "testdata/other.json", "testdata/several.json", "testdata/missing.json"} {
		if r := w.run("", "source", "add", "add-file", "-file", bad, "-yes"); r.code != exitFailed {
			t.Errorf("%s: exit %d", bad, r.code)
		}
		if _, ok := w.policyOf("add-file"); ok {
			t.Fatalf("%s was uploaded", bad)
		}
	}
	w.run("y\n", "source", "add", "add-file", "-file", "testdata/good.json")
	if p, ok := w.policyOf("add-file"); !ok || p.MaxGuests != 5 {
		t.Errorf("the policy was not uploaded: %v", ok)
	}
	w.golden("source-add-file", moments)

	shown := w.run("", "source", "show", "add-file", "-json")
	again := filepath.Join(t.TempDir(), "again.json")
	w.must(os.WriteFile(again, []byte(shown.out), 0o600))
	if r := w.run("", "source", "add", "add-file", "-file", again, "-yes"); r.code != exitDone {
		t.Errorf("what show -json prints cannot be uploaded: %s", r.err)
	}
}

func TestABrokenPolicyIsNamedAndCanBeReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.blob("config", policy.File("mended"), []byte(`{"version": 1, "source": "mended", "maxGuests": "ten"}`))
	w.held("88ad0000000000000001", "mended", asked)
	w.run("", "source", "show", "mended")
	w.run("", "source", "add", "mended", "-yes")
	w.run("", "source", "add", "mended", "-from", "88ad", "-yes")
	good := filepath.Join(t.TempDir(), "good.json")
	w.must(os.WriteFile(good, policy.Policy{Version: 1, Source: "mended", MaxGuests: 5}.JSON(), 0o600))
	if r := runWith(t.Context(), w.getenv, "", "source", "add", "mended", "-file", good, "-yes"); r.code != exitDone {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	w.golden("source-broken", moments)
}

func TestSourceAddRefusesAnotherSourcesImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.held("88ae0000000000000001", "mine", asked)
	w.imports(ledger.Import{ID: "88af0000000000000001", Source: "yours", Path: "a.csv", Reported: 1})
	w.run("", "source", "add", "yours", "-from", "88ae", "-yes")
	w.run("", "source", "add", "yours", "-from", "88af", "-yes")
	w.run("", "source", "add", "yours", "-from", "88ffff", "-yes")
	if _, ok := w.policyOf("yours"); ok {
		t.Error("a policy was written")
	}
	w.golden("source-mismatch", moments)
}
