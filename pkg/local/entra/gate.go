package entra

import (
	"fmt"
	"net/http"
)

// gate is whether the tenant takes invitations at all.
type gate struct {
	state      string // open, blocked, disallowed
	blockAfter int    // block after so many invitations; 0 is never
}

const (
	gateOpen       = "open"
	gateBlocked    = "blocked"
	gateDisallowed = "disallowed"
)

// pass refuses invitations with the two texts that concern the whole tenant: the anti-abuse block (sources: Microsoft Q&A
// 12731593 and 5781008; its real thresholds are unknown) and the setting that keeps guests out.
func (g *gate) pass(invited int) (answer, bool) {
	if g.state == gateOpen && g.blockAfter > 0 && invited >= g.blockAfter {
		g.state = gateBlocked
	}
	switch g.state {
	case gateBlocked:
		return refuse(http.StatusForbidden, forbidden, "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support for help."), false
	case gateDisallowed:
		return refuse(http.StatusForbidden, forbidden, "Guest invitations not allowed for your company. Contact your company administrator for more details."), false
	}
	return answer{}, true
}

// set changes the state. Opening also forgets the count at which to block.
func (g *gate) set(state string) error {
	switch state {
	case gateOpen:
		g.blockAfter = 0
	case gateBlocked, gateDisallowed:
	default:
		return fmt.Errorf("invitations %q: want %s, %s or %s", state, gateOpen, gateBlocked, gateDisallowed)
	}
	g.state = state
	return nil
}
