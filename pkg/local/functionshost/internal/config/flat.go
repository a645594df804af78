package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"guestlist/pkg/local/functionshost/internal/ncrontab"
)

// jobHost begins the settings that override host.json.
const jobHost = "azurefunctionsjobhost__"

// flat is host.json as the host's configuration sees it: lower-case paths with colons, all values text.
type flat map[string]string

func flatten(document []byte) (flat, error) {
	var root map[string]any
	if err := json.Unmarshal(document, &root); err != nil {
		return nil, err
	}
	f := flat{}
	f.add("", root)
	return f, nil
}

func (f flat) add(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		f[path] = ""
		for name, member := range v {
			f.add(join(path, strings.ToLower(name)), member)
		}
	case []any:
		for i, element := range v {
			f.add(join(path, strconv.Itoa(i)), element)
		}
	case nil:
		f[path] = ""
	case float64:
		f[path] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		f[path] = fmt.Sprint(v)
	}
}

func join(path, name string) string { return strings.TrimPrefix(path+":"+name, ":") }

// override applies the settings. Each also makes the sections that it lies in.
func (f flat) override(settings Settings) {
	for name, value := range settings {
		path, ok := strings.CutPrefix(strings.ToLower(name), jobHost)
		if !ok {
			continue
		}
		path = strings.ReplaceAll(path, "__", ":")
		f[path] = value
		for i := strings.LastIndex(path, ":"); i > 0; i = strings.LastIndex(path[:i], ":") {
			if _, ok := f[path[:i]]; !ok {
				f[path[:i]] = ""
			}
		}
	}
}

func (f flat) has(path string) bool {
	_, ok := f[path]
	return ok
}

func (f flat) number(path string, standard int) (int, error) {
	if f[path] == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(f[path])
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no number", path, f[path])
	}
	return n, nil
}

func (f flat) boolean(path string, standard bool) (bool, error) {
	if f[path] == "" {
		return standard, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(f[path]))
	if err != nil {
		return false, fmt.Errorf("%s: %q is neither true nor false", path, f[path])
	}
	return b, nil
}

func (f flat) span(path string, standard time.Duration) (time.Duration, error) {
	if f[path] == "" {
		return standard, nil
	}
	d, err := ncrontab.TimeSpan(f[path])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// list reads an array, which a setting may also hold as JSON text.
func (f flat) list(path string) ([]string, error) {
	if text := f[path]; text != "" {
		var values []string
		if err := json.Unmarshal([]byte(text), &values); err != nil {
			return nil, fmt.Errorf("%s: %q is no JSON array of texts", path, text)
		}
		return values, nil
	}
	var at []int
	for key := range maps.Keys(f) {
		rest, ok := strings.CutPrefix(key, path+":")
		if n, err := strconv.Atoi(rest); ok && err == nil {
			at = append(at, n)
		}
	}
	slices.Sort(at)
	values := make([]string, len(at))
	for i, n := range at {
		values[i] = f[path+":"+strconv.Itoa(n)]
	}
	return values, nil
}
