package customhandler

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
)

type attrsKey struct{}

// NewLogger returns a logger that writes JSON lines to w (the host wants them on standard output: it takes every line on
// standard error for an error) and adds the attributes of the context to each line. Use its Context methods.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(LogHandler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})))
}

// LogHandler adds the attributes of the context to what next gets. Attributes of the context are never put into a group.
func LogHandler(next slog.Handler) slog.Handler {
	return contextHandler{ungrouped: next}
}

// With returns a context whose log lines carry attrs in addition to those that ctx carries. A key given again replaces
// the earlier one.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	old := Attrs(ctx)
	all := make([]slog.Attr, 0, len(old)+len(attrs))
	for _, a := range old {
		if !has(attrs, a.Key) {
			all = append(all, a)
		}
	}
	return context.WithValue(ctx, attrsKey{}, append(all, attrs...))
}

// Attrs returns the attributes that log lines of ctx carry. In a step these are function, invocation_id, delivery,
// message_id, import_id, guest_key, kind, attempt, delay and generation.
func Attrs(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return attrs
}

func has(attrs []slog.Attr, key string) bool {
	for _, a := range attrs {
		if a.Key == key {
			return true
		}
	}
	return false
}

// Pseudonym returns what logs show for a guest key or for the id of a message about a guest: 16 hexadecimal digits that
// cannot be guessed back to an address without key. The plain key could, since it is a hash of the address alone.
func Pseudonym(key []byte, value string) string {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, value)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// contextHandler keeps the steps (groups and attributes) that were asked for, so that the context's attributes, known
// only when a line is written, come first and stay outside every group.
type contextHandler struct {
	ungrouped slog.Handler
	later     []func(slog.Handler) slog.Handler
}

func (h contextHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.ungrouped.Enabled(ctx, l)
}

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	next := h.ungrouped
	if attrs := Attrs(ctx); len(attrs) > 0 {
		next = next.WithAttrs(attrs)
	}
	for _, f := range h.later {
		next = f(next)
	}
	return next.Handle(ctx, r)
}

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(n slog.Handler) slog.Handler { return n.WithAttrs(attrs) })
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	return h.with(func(n slog.Handler) slog.Handler { return n.WithGroup(name) })
}

func (h contextHandler) with(f func(slog.Handler) slog.Handler) slog.Handler {
	later := append(h.later[:len(h.later):len(h.later)], f)
	return contextHandler{ungrouped: h.ungrouped, later: later}
}
