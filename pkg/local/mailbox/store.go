package mailbox

import (
	"bytes"
	"compress/flate"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// Summary is what a list shows of a mail.
type Summary struct {
	ID        int       `json:"id"`
	MessageID string    `json:"messageId"` // without angle brackets
	From      string    `json:"from"`      // of the envelope
	To        []string  `json:"to"`        // of the envelope
	Subject   string    `json:"subject"`
	Received  time.Time `json:"received"`
	Size      int       `json:"size"`
}

// Message is a mail with its contents, decoded.
type Message struct {
	Summary
	Header map[string][]string `json:"header"`
	Text   string              `json:"text"`
	HTML   string              `json:"html"`
	Raw    []byte              `json:"-"`
}

// Stats counts mails.
type Stats struct {
	Messages   int            `json:"messages"`
	MessageIDs int            `json:"messageIds"`         // different ones
	Repeated   map[string]int `json:"repeated,omitempty"` // Message-IDs that came more than once, and how often
}

// store keeps mails, packed: tens of thousands fit into memory.
type store struct {
	mu   sync.Mutex
	last int
	all  []kept
}

type kept struct {
	Summary
	packed []byte
}

func (s *store) add(from string, to []string, raw []byte, now time.Time) error {
	m, err := parse(raw)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(raw)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return err
	}
	k := kept{Summary: m.Summary, packed: b.Bytes()}
	k.From, k.To, k.Received, k.Size = from, slices.Clone(to), now.UTC(), len(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	k.ID = s.last
	s.all = append(s.all, k)
	return nil
}

// list returns the mails for a recipient, or all.
func (s *store) list(to string) []Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Summary{}
	for _, k := range s.all {
		if to == "" || slices.ContainsFunc(k.To, func(a string) bool { return strings.EqualFold(a, to) }) {
			list = append(list, k.Summary)
		}
	}
	return list
}

func (s *store) get(id int) (Message, bool) {
	s.mu.Lock()
	i := slices.IndexFunc(s.all, func(k kept) bool { return k.ID == id })
	if i < 0 {
		s.mu.Unlock()
		return Message{}, false
	}
	k := s.all[i]
	s.mu.Unlock()
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(k.packed)))
	if err != nil {
		return Message{}, false
	}
	m, err := parse(raw)
	m.Summary, m.Raw = k.Summary, raw
	return m, err == nil
}

func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = nil
}

func (s *store) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := map[string]int{}
	for _, k := range s.all {
		times[k.MessageID]++
	}
	st := Stats{Messages: len(s.all), MessageIDs: len(times), Repeated: map[string]int{}}
	for id, n := range times {
		if n > 1 {
			st.Repeated[id] = n
		}
	}
	return st
}
