package azurite_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/local/azurite"
)

func start(t *testing.T, c azurite.Config) *azurite.Server {
	t.Helper()
	s, err := azurite.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestServicesAnswerOnceStarted(t *testing.T) {
	t.Parallel()
	s := start(t, azurite.Config{})
	for _, url := range []string{s.BlobURL(), s.QueueURL(), s.TableURL()} {
		res, err := http.Get(url + "?comp=list")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if server := res.Header.Get("Server"); !strings.HasPrefix(server, "Azurite") {
			t.Errorf("%s answered as %q", url, server)
		}
		if !strings.Contains(s.ConnectionString(), "Endpoint="+url+";") {
			t.Errorf("connection string lacks %s", url)
		}
	}
}

func TestCloseEndsTheProcess(t *testing.T) {
	t.Parallel()
	s := start(t, azurite.Config{})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	<-s.Done()
	if _, err := http.Get(s.BlobURL()); err == nil {
		t.Error("blob service answers after Close")
	}
}

func TestDataInAFolderOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, want := range []int{http.StatusCreated, http.StatusConflict} {
		s := start(t, azurite.Config{Dir: dir})
		if got := createContainer(t, s); got != want {
			t.Errorf("creating the container: status %d, want %d", got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// createContainer sends a create request signed by hand, since this package knows no client.
func createContainer(t *testing.T, s *azurite.Server) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.BlobURL()+"/kept?restype=container", nil)
	if err != nil {
		t.Fatal(err)
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	req.Header.Set("x-ms-date", date)
	req.Header.Set("x-ms-version", "2021-12-02")
	key, err := base64.StdEncoding.DecodeString(azurite.Key)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:"+date+"\nx-ms-version:2021-12-02\n/"+
		azurite.Account+"/"+azurite.Account+"/kept\nrestype:container")
	req.Header.Set("Authorization", "SharedKey "+azurite.Account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestTakenPortIsAnError(t *testing.T) {
	t.Parallel()
	s := start(t, azurite.Config{})
	port := portOf(t, s.BlobURL())
	taken, err := azurite.Start(t.Context(), azurite.Config{Blob: port, Queue: portOf(t, s.QueueURL()), Table: portOf(t, s.TableURL())})
	if err == nil {
		taken.Close()
		t.Fatal("started twice on the same ports")
	}
	if !strings.Contains(err.Error(), "EADDRINUSE") {
		t.Errorf("error does not say why: %v", err)
	}
}

func TestMissingPackagesNameTheRemedy(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	_, err := azurite.Start(t.Context(), azurite.Config{})
	if err == nil || !strings.Contains(err.Error(), `run "make tools"`) {
		t.Errorf("error: %v", err)
	}
}
