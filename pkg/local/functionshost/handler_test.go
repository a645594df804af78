package functionshost_test

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

func handler() {
	environment := strings.Join(os.Environ(), "\n") + "\nARGS=" + strings.Join(os.Args[1:], "|")
	response, err := http.Post(os.Getenv(desk)+startPath, "text/plain", strings.NewReader(environment))
	if err != nil {
		os.Exit(77)
	}
	obey(response)
	host := response.Header.Get(listenOn)
	if host == "" {
		host = "127.0.0.1"
	}
	os.Stdout.WriteString(`{"msg":"listening"}` + "\n")
	err = http.ListenAndServe(net.JoinHostPort(host, os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT")), http.HandlerFunc(relay))
	os.Stderr.WriteString(err.Error() + "\n")
	os.Exit(78)
}

// relay asks the test for the answer to a request. Readiness polls it answers by itself.
func relay(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/":
		w.WriteHeader(http.StatusNotFound)
		return
	case os.Getenv(fast) != "":
		reply(w, http.StatusOK, "application/json", "{}")
		return
	}
	body, _ := io.ReadAll(r.Body)
	ask, _ := http.NewRequest(r.Method, os.Getenv(desk)+r.URL.Path, bytes.NewReader(body))
	ask.Header = r.Header.Clone()
	ask.Header.Set("X-Transfer", strings.Join(r.TransferEncoding, ","))
	response, err := http.DefaultClient.Do(ask)
	if err != nil {
		os.Exit(79)
	}
	obey(response)
	maps.Copy(w.Header(), response.Header)
	if response.Header.Get("Content-Type") == "" {
		w.Header()["Content-Type"] = nil
	}
	w.WriteHeader(response.StatusCode)
	io.Copy(w, response.Body)
}

func obey(r *http.Response) {
	if code, err := strconv.Atoi(r.Header.Get(exitCode)); err == nil {
		os.Stderr.WriteString("last words\n")
		os.Exit(code)
	}
}

// book is a log that tests read while others write.
type book struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
