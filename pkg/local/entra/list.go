package entra

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Page sizes of lists of directory objects (source: pages user-list and group-list-members).
const (
	defaultPage = 100
	maxPage     = 999
)

// object is a directory object as it is sent.
type object map[string]any

// selected reduces o to the properties that $select names, or to the default ones; nil defaults mean all.
func (q *request) selected(o object, defaults []string) (object, answer, bool) {
	names := defaults
	if s := q.query.Get("$select"); s != "" {
		names = strings.Split(s, ",")
	}
	if names == nil {
		return o, answer{}, true
	}
	out := object{}
	for _, n := range names {
		n = strings.TrimSpace(n)
		v, known := o[n]
		for k := range o { // any case will do (source: what CLI for Microsoft 365 asks for)
			if !known && strings.EqualFold(k, n) {
				n, v, known = k, o[k], true
			}
		}
		if !known {
			return nil, refuse(http.StatusBadRequest, codePlainBad, fmt.Sprintf("Could not find a property named '%s'.", n)), false
		}
		out[n] = v
	}
	return out, answer{}, true
}

// one answers with a single object.
func (g *graph) one(q *request, kind string, o object, defaults []string) answer {
	out, no, fine := q.selected(o, defaults)
	if !fine {
		return no
	}
	out["@odata.context"] = g.url + "/v1.0/$metadata#" + kind + "/$entity"
	return ok(out)
}

// kinds are what the errors of filters call the objects of a collection.
var kinds = map[string]string{"users": "User", "groups": "Group", "servicePrincipals": "ServicePrincipal", "directoryObjects": "DirectoryObject"}

// list answers with those of ids that $filter, if there is one, holds for. property returns one property of an object; nil
// takes it from what render makes.
func (g *graph) list(q *request, kind string, filters map[string]support, ids []string, property func(id, name string) any, render func(id string) object, defaults []string) answer {
	if property == nil {
		property = func(id, name string) any { return render(id)[name] }
	}
	if q.query.Has("$filter") {
		c, no, fine := q.filter(kinds[kind], filters)
		if !fine {
			return no
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return !c.holds(func(name string) any { return property(id, name) }) })
	}
	slices.Sort(ids)
	return g.page(q, kind, ids, render, defaults)
}

// page is a stretch of a list. $skiptoken holds the id after which the next page begins, so that a list that grows
// meanwhile neither repeats nor skips what was there.
func (g *graph) page(q *request, kind string, ids []string, render func(id string) object, defaults []string) answer {
	top, no, fine := q.top()
	if !fine {
		return no
	}
	all := len(ids)
	if after := q.query.Get("$skiptoken"); after != "" {
		i := slices.Index(ids, after)
		if i < 0 {
			i, _ = slices.BinarySearch(ids, after)
			i--
		}
		ids = ids[i+1:]
	}
	value := []object{}
	for _, id := range ids[:min(top, len(ids))] {
		o, no, fine := q.selected(render(id), defaults)
		if !fine {
			return no
		}
		value = append(value, o)
	}
	body := object{"@odata.context": g.url + "/v1.0/$metadata#" + kind, "value": value}
	if q.query.Get("$count") == "true" && q.eventual() {
		body["@odata.count"] = all
	}
	if len(ids) > top {
		body["@odata.nextLink"] = g.next(q, ids[top-1])
	}
	return ok(body)
}

// next is the address of the page after id.
func (g *graph) next(q *request, id string) string {
	v := url.Values{}
	for k := range q.query {
		v.Set(k, q.query.Get(k))
	}
	v.Set("$skiptoken", id)
	return q.origin(g.url) + q.URL.EscapedPath() + "?" + v.Encode()
}

func (q *request) top() (int, answer, bool) {
	s := q.query.Get("$top")
	if s == "" {
		return defaultPage, answer{}, true
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxPage {
		return 0, refuse(http.StatusBadRequest, codeQuery, fmt.Sprintf("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", s, maxPage)), false
	}
	return n, answer{}, true
}
