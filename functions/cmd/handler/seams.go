//go:build !faultbuild

package main

import (
	"net/http"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/notify"
)

// seams is where the test build (seams_faultbuild.go) stands between the handler and what it acts on. In this build
// nothing stands there.
type seams struct{}

func newSeams(func(string) string) (seams, error) { return seams{}, nil }

func (seams) ledger(l ledger.Store) ledger.Store            { return l }
func (seams) blobs(b blobstore.Store) blobstore.Store       { return b }
func (seams) bus(b broker) broker                           { return b }
func (seams) graph() http.RoundTripper                      { return nil }
func (seams) transport(t notify.Transport) notify.Transport { return t }
func (seams) answers(h http.Handler) http.Handler           { return h }
func (seams) now() time.Time                                { return time.Now() }
