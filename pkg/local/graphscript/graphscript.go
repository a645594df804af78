// Package graphscript is what people write today to invite partners in bulk: a loop that posts an invitation for each
// address, and one that adds each guest to a group. It is there to be compared with, on the same directory.
//
// Its requests go through the retry handler and the other middleware of Microsoft's Graph SDK for Go, as the SDK sets them
// up (three retries of 429, 503 and 504, Retry-After obeyed, 100 s for a call with all its retries), with compression off,
// since that corrupts retried bodies. It leaves out the SDK's models, which take minutes to build and change no request.
//
// As such scripts do, it looks nobody up, remembers nothing, and is run again for the rows that failed.
package graphscript

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	khttp "github.com/microsoft/kiota-http-go"
)

// Config says where to run.
type Config struct {
	Graph                            string // scheme and host of Microsoft Graph
	IdentityEndpoint, IdentityHeader string // of App Service, for a token
	Group                            string
	Addresses                        []string
	Workers                          int // invitations, then additions, under way at a time; 1 is a plain loop
	Runs                             int // how often the script is run in all while rows fail
}

// Result is what became of the rows.
type Result struct {
	FailedFirst int // rows without an invitation or the group after the first run
	Failed      int // after the last
	Runs        int
}

// Run runs the script until no row fails, or as often as it may.
func Run(ctx context.Context, c Config) (Result, error) {
	s := &script{Config: c}
	var err error
	if s.client, err = sdkClient(); err != nil {
		return Result{}, err
	}
	defer s.client.CloseIdleConnections()
	if s.token, err = s.getToken(ctx); err != nil {
		return Result{}, err
	}
	rows := make([]*row, len(c.Addresses))
	for i, address := range c.Addresses {
		rows[i] = &row{address: address}
	}
	var res Result
	for res.Runs < c.Runs && (res.Runs == 0 || res.Failed > 0) && ctx.Err() == nil {
		s.each(rows, func(r *row) { r.invite(ctx, s) })
		s.each(rows, func(r *row) { r.join(ctx, s) })
		res.Failed = 0
		for _, r := range rows {
			if !r.member {
				res.Failed++
			}
		}
		if res.Runs++; res.Runs == 1 {
			res.FailedFirst = res.Failed
		}
	}
	return res, ctx.Err()
}

type script struct {
	Config
	client *http.Client
	token  string
}

type row struct {
	address, user string
	member        bool
}

// each does f for all rows, with so many at a time.
func (s *script) each(rows []*row, f func(*row)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range s.Workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(rows); i = next.Add(1) - 1 {
				f(rows[i])
			}
		})
	}
	wg.Wait()
}

func (r *row) invite(ctx context.Context, s *script) {
	if r.user != "" {
		return
	}
	var made struct{ InvitedUser struct{ ID string } }
	err := s.post(ctx, "/invitations", map[string]any{"invitedUserEmailAddress": r.address,
		"inviteRedirectUrl": "https://myapplications.microsoft.com", "sendInvitationMessage": true}, &made)
	if err == nil {
		r.user = made.InvitedUser.ID
	}
}

func (r *row) join(ctx context.Context, s *script) {
	if r.user == "" || r.member {
		return
	}
	r.member = s.post(ctx, "/groups/"+s.Group+"/members/$ref",
		map[string]any{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + r.user}, nil) == nil
}

// body can be sent again, as the SDK's can: the retry handler rewinds it.
type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

func (s *script) post(ctx context.Context, path string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Graph+"/v1.0"+path, nil)
	if err != nil {
		return err
	}
	req.Body, req.ContentLength = body{bytes.NewReader(raw)}, int64(len(raw))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	return s.do(req, out)
}

func (s *script) do(req *http.Request, out any) error {
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return fmt.Errorf("%s: %s", req.URL.Path, res.Status)
	case out == nil:
		return nil
	}
	return json.Unmarshal(raw, out)
}

func (s *script) getToken(ctx context.Context) (string, error) {
	q := url.Values{"resource": {"https://graph.microsoft.com"}, "api-version": {"2019-08-01"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.IdentityEndpoint+"?"+q.Encode(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-IDENTITY-HEADER", s.IdentityHeader)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := s.do(req, &answer); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return answer.Token, nil
}

func sdkClient() (*http.Client, error) {
	middleware, err := khttp.GetDefaultMiddlewaresWithOptions(khttp.NewCompressionOptionsReference(false))
	if err != nil {
		return nil, fmt.Errorf("the SDK's middleware: %w", err)
	}
	return khttp.GetDefaultClient(middleware...), nil
}
