package entra_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

// batch posts requests and returns their status by id.
func (c *client) batch(requests ...string) (map[string]int, response) {
	c.t.Helper()
	r := c.do("POST", "/$batch", `{"requests":[`+strings.Join(requests, ",")+`]}`)
	got := map[string]int{}
	list, _ := r.at("responses").([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		status, _ := m["status"].(float64)
		id, _ := m["id"].(string)
		got[id] = int(status)
	}
	return got, r
}

const jsonBody = `"headers":{"Content-Type":"application/json"},"body":`

func TestABatchCarriesOutItsRequestsOneByOne(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	got, r := c.batch(
		`{"id":"a","method":"GET","url":"/users/`+guestID+`?$select=id"}`,
		`{"id":"b","method":"PATCH","url":"groups/`+groupID+`",`+jsonBody+`{"members@odata.bind":["https://graph.microsoft.com/v1.0/directoryObjects/`+guestID+`"]}}`,
		`{"id":"c","method":"GET","url":"/users/`+absentID+`"}`,
		`{"id":"d","method":"GET","url":"/users?$count=true&$select=id&$filter=userType ne 'Guest'","headers":{"ConsistencyLevel":"eventual"}}`,
		`{"id":"e","method":"POST","url":"/invitations","body":{}}`,
		`{"id":7,"method":"delete","url":"/groups/`+groupID+`/members/`+guestID+`/$ref","dependsOn":["B"]}`,
		`{"id":"f","method":"GET","url":"/groups/`+groupID+`","dependsOn":["c"]}`)
	want := map[string]int{"a": 200, "b": 204, "c": 404, "d": 200, "e": 400, "7": 204, "f": 424}
	if diff := cmp.Diff(want, got); diff != "" || r.status != 200 {
		t.Errorf("%d; status by id (-want +got):\n%s", r.status, diff)
	}
	if first := r.at("responses").([]any)[0].(map[string]any)["id"]; first != "f" {
		t.Errorf("the answers come in the order of the requests, %v first: clients must not rely on that", first)
	}
	if s := c.s.Stats(); s.Reads != 3 || s.Writes != 3 || s.Paths["POST /$batch"] != 1 || s.Paths["PATCH /groups/{id}"] != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestAMalformedBatchIsRefusedWhole(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	one := `{"id":"1","method":"DELETE","url":"/users/` + guestID + `"}`
	for name, requests := range map[string][]string{
		"none":                  {},
		"twice the same id":     {one, one},
		"no id":                 {`{"method":"DELETE","url":"/users/` + guestID + `"}`},
		"no method":             {one, `{"id":"2","url":"/users"}`},
		"absolute":              {one, `{"id":"2","method":"GET","url":"https://graph.microsoft.com/v1.0/users"}`},
		"a batch in a batch":    {one, `{"id":"2","method":"POST","url":"/$batch"}`},
		"an unknown dependency": {one, `{"id":"2","method":"GET","url":"/users","dependsOn":["3"]}`},
		"an unknown property":   {one, `{"id":"2","method":"GET","uri":"/users"}`},
	} {
		if _, r := c.batch(requests...); r.status != 400 || r.text("error", "message") == "" {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf(`{"id":"%d","method":"DELETE","url":"/users/%s"}`, i, guestID))
	}
	_, r := c.batch(many...)
	r.want(t, 400, "BadRequest", "")
	c.do("GET", "/$batch", "").want(t, 405, "Request_BadRequest", "")
	if n := len(c.s.State().Users); n != 3 {
		t.Errorf("%d users: a refused batch did something", n)
	}
}

func TestLimitsAndFaultsConcernEachRequestOfABatch(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{Limits: true, LimitWindow: time.Second, Now: newClock().Now})
	c.writeUntilThrottled(20)
	read, write := `{"id":"r","method":"GET","url":"/users/`+guestID+`"}`, `{"id":"w","method":"DELETE","url":"/users/`+absentID+`"}`
	got, r := c.batch(read, write)
	if !cmp.Equal(got, map[string]int{"r": 200, "w": 429}) || !strings.Contains(r.raw, `"Retry-After":"`) {
		t.Errorf("%d %s", r.status, r.raw)
	}
	c.control("POST", "/faults", `{"operation":"lookup","status":503}`).want(t, 204, "", "")
	if got, _ := c.batch(read); got["r"] != 503 {
		t.Errorf("status %v", got)
	}
	c.control("POST", "/faults", `{"operation":"lookup","reset":true}`).want(t, 204, "", "")
	if _, err := c.try(c.graph("POST", "/$batch", `{"requests":[`+read+`]}`)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v", err)
	}
}
