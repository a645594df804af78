package main

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"guestlist/pkg/local/azurite"
)

// TestOutageStartWithoutServices: the handler starts while storage and Service Bus are away, and later both go away at once
// in the midst of an import. It is not restarted: a Functions host gives up after three exits in half an hour.
func TestOutageStartWithoutServices(t *testing.T) {
	t.Parallel()
	w, l := wiredWorldOf(t, &lines{away: true}, nil)
	pid := w.platform.handlerPID()
	w.through(30, 4*time.Minute, 1, 2, func(d *drop) {
		w.during(15 * time.Second)
		l.mend()
		w.reaches(d, 10)
		l.cut()
		w.during(15 * time.Second)
		l.mend()
	})
	if now := w.platform.handlerPID(); now != pid || strings.Contains(w.output.String(), "gave up") {
		t.Errorf("the handler is process %d, at first it was %d", now, pid)
	}
}

// TestOutageStorageServer: the server itself. It stands still and goes on; the disk under it, and under the stack's own log, has
// no room and then has; it is stopped and started again with the same data. Where no file system of a few megabytes can be
// mounted, Azurite's requests are refused as on a full disk.
func TestOutageStorageServer(t *testing.T) {
	t.Parallel()
	small, mounted := tinyDisk(t)
	w, l := wiredWorld(t, func(o *options) {
		o.data = filepath.Join(small, "azurite")
		o.env = filepath.Join(small, "devstack.env")
	})
	w.through(40, 4*time.Minute, 1, 2, func(d *drop) {
		filler := filepath.Join(small, "filler")
		if mounted {
			fillDisk(t, filler)
		} else {
			full := refuses(http.StatusInternalServerError, "InternalError")
			l.blobs.meet(full)
			l.tables.meet(full)
		}
		w.during(14 * time.Second)
		l.blobs.meet(nil)
		l.tables.meet(nil)
		_ = os.Remove(filler)
		w.reaches(d, 5)
		w.signal(syscall.SIGSTOP)
		w.during(14 * time.Second)
		w.signal(syscall.SIGCONT)
		w.reaches(d, 40)
		w.restart(w.data)
	})
}

func (w *world) signal(s syscall.Signal) {
	w.t.Helper()
	if err := syscall.Kill(w.azurite.PID(), s); err != nil {
		w.t.Fatal(err)
	}
}

// restart stops Azurite and, after a while, starts it again where it was.
func (w *world) restart(data string) {
	w.t.Helper()
	storage := w.azurite.ConnectionString()
	if err := w.azurite.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.during(15 * time.Second)
	again, err := azurite.Start(w.ctx, azurite.Config{Blob: portIn(storage, "BlobEndpoint"), Queue: portIn(storage, "QueueEndpoint"),
		Table: portIn(storage, "TableEndpoint"), Dir: data})
	if err != nil {
		w.t.Fatal(err)
	}
	w.azurite = again // the stack closes it
}

// tinyDisk mounts a file system of 24 MB, if this process may.
func tinyDisk(t *testing.T) (dir string, mounted bool) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m", "guestlist-test", dir).CombinedOutput(); err != nil {
		t.Logf("no small file system can be mounted here (%v: %s): the errors are made instead", err, out)
		return dir, false
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return dir, true
}

// fillDisk writes until there is no room.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 16
		}
	}
}

// portIn returns the port of an endpoint of a connection string.
func portIn(connection, endpoint string) int {
	_, rest, _ := strings.Cut(connection, endpoint+"=")
	u, err := url.Parse(strings.SplitN(rest, ";", 2)[0])
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}
