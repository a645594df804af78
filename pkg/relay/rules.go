package relay

import (
	"encoding/json"
	"fmt"
	"strings"

	"guestlist/pkg/policy"
)

// DefaultMaxBytes is how large an object may be where its rule does not say: one gibibyte, some seven million rows.
const DefaultMaxBytes = 1 << 30

// maxBytes is what the blob service takes: 50,000 blocks of 4 MiB.
const maxBytes = 50_000 * 4 << 20

// Rule sends the objects of a bucket whose keys begin with a prefix to a source.
type Rule struct {
	Bucket string `json:"bucket"`
	// Prefix is compared byte by byte, as S3 does; empty matches every key. The longest one that matches counts.
	Prefix string `json:"prefix"`
	Source string `json:"source"`
	// MaxBytes is the size of the largest object that is taken; 0 is DefaultMaxBytes.
	MaxBytes int64 `json:"maxBytes"`
}

// Rules say which source an object belongs to. An object that no rule matches is refused.
type Rules []Rule

// ParseRules reads a JSON array of rules. An error says which rule to mend.
func ParseRules(text string) (Rules, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var rules Rules
	if err := d.Decode(&rules); err != nil {
		return nil, fmt.Errorf(`want a JSON array such as [{"bucket":"acme-drop","prefix":"users/","source":"acme"}]: %w`, err)
	}
	if len(rules) == 0 {
		return nil, fmt.Errorf("no rules: every object would be refused")
	}
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if at := r.Bucket + "/" + r.Prefix; seen[at] {
			return nil, fmt.Errorf("rule %d: %s has a rule already", i+1, at)
		} else {
			seen[at] = true
		}
		if r.MaxBytes == 0 {
			r.MaxBytes = DefaultMaxBytes
		}
	}
	return rules, nil
}

func (r Rule) check() error {
	switch {
	case r.Bucket == "" || strings.ContainsAny(r.Bucket, "/ "):
		return fmt.Errorf("bucket is %q: name a bucket", r.Bucket)
	case !policy.ValidSource(r.Source):
		return fmt.Errorf("source is %q: use lower-case letters, digits and single hyphens", r.Source)
	case r.MaxBytes < 0 || r.MaxBytes > maxBytes:
		return fmt.Errorf("maxBytes is %d: at most %d can be carried", r.MaxBytes, int64(maxBytes))
	}
	return nil
}

// find returns the rule with the longest prefix that matches.
func (rs Rules) find(bucket, key string) (best Rule, ok bool) {
	for _, r := range rs {
		if r.Bucket == bucket && strings.HasPrefix(key, r.Prefix) && (!ok || len(r.Prefix) > len(best.Prefix)) {
			best, ok = r, true
		}
	}
	return best, ok
}
