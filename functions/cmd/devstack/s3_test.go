package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"guestlist/pkg/policy"
)

// TestFromS3 puts files into a bucket: each becomes invited guests, by one import, though the relay is killed and every
// event is delivered twice.
func TestFromS3(t *testing.T) {
	t.Parallel()
	relay := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", "lambda.norpc", "-o", relay, "./functions/cmd/s3relay")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the relay: %v\n%s", err, out)
	}
	w := newWorld(t, func(o *options) { o.relay = relay })
	first := w.put(filepath.Join(root, "docs/samples/partners.csv"), "partners.csv")
	killed := make(chan int)
	go func() { killed <- w.aws.function.Kill() }()
	second := w.put(w.file("five.csv", guests(5)), "folder/five.csv")
	if n := <-killed; n != 1 {
		t.Errorf("%d processes of the relay were killed", n)
	}
	both := w.wait(first, second)
	if got := outcomesOf(both[0]); got != "5 done, 2 partial" {
		t.Errorf("first import: %s", got)
	}
	if got := outcomesOf(both[1]); got != "5 done" {
		t.Errorf("second import: %s", got)
	}
	if err := w.aws.queue.WaitIdle(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.oracle(0, both...)
	for b, err := range w.services.Blobs.List(w.ctx, policy.Container(w.source), "") {
		if err != nil {
			t.Fatal(err)
		}
		if b.Path != first.path && b.Path != second.path {
			t.Errorf("blob %s", b.Path)
		}
	}
	imports := 0
	for _, err := range w.services.Ledger.ListImports(w.ctx, false) {
		if err != nil {
			t.Fatal(err)
		}
		imports++
	}
	if imports != 2 {
		t.Errorf("%d imports of 2 files", imports)
	}
}
