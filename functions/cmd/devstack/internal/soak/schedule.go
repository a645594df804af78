package soak

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
)

// Kind is a kind of fault.
type Kind string

// The kinds. The first three are kills.
const (
	KillHandler Kind = "kill handler"       // SIGKILL; the host starts another, and after the third the platform another host
	KillHost    Kind = "kill host"          // SIGKILL of the host and its handler: its messages stay locked
	CutBroker   Kind = "cut broker"         // every connection to Service Bus ends without a word
	StopHost    Kind = "stop host"          // as when Azure scales in: it ends what it has in hand, and comes back after For
	Freeze      Kind = "freeze storage"     // Azurite stands still for For
	BusFault    Kind = "broker fault"       // Bus goes wrong for For
	GraphFault  Kind = "directory fault"    // Rates of the directory for For
	LoseAnswers Kind = "lose answers"       // the next Count invitations are made, and nobody is told
	Revoke      Kind = "revoke tokens"      // every token of the directory is refused from now on
	MailFault   Kind = "mail server fault"  // Mail goes wrong for For
	HangUp      Kind = "hang up on mailers" // every connection to the mail server ends
)

// Kills are the kinds that count as kills.
var Kills = []Kind{KillHandler, KillHost, CutBroker}

// Fault is one thing that goes wrong.
type Fault struct {
	At    float64 // share of the round's work that is done when it begins
	Kind  Kind
	Host  int // which one
	For   time.Duration
	Count int
	Bus   servicebus.Fault
	Rates entra.Rates
	Mail  []mailbox.Fault
}

// Round is what is imported into one empty tenant, and what goes wrong meanwhile.
type Round struct {
	Seed   uint64
	Files  []File
	Faults []Fault
	Skews  []time.Duration // by how much the clocks of the handlers are wrong, in the order of their start

	users  []entra.User
	people int
	shared []person
}

// Settings say how much of everything a round has.
type Settings struct {
	Rows, Kills, Hosts int
	Faults             bool          // beside the kills
	Skew               time.Duration // of clocks, at most
}

// NewRound makes a round. The same seed and settings make the same round.
func NewRound(seed uint64, s Settings) *Round {
	r := &Round{Seed: seed}
	r.write(rand.New(rand.NewPCG(seed, 1)), s.Rows)
	r.schedule(rand.New(rand.NewPCG(seed, 2)), s)
	g := rand.New(rand.NewPCG(seed, 3))
	for range 10 * (s.Hosts + s.Kills) {
		r.Skews = append(r.Skews, skew(g, s.Skew))
	}
	return r
}

// skew is mostly none or small: a clock that is minutes off is rare.
func skew(g *rand.Rand, most time.Duration) time.Duration {
	if most <= 0 || g.IntN(2) == 0 {
		return 0
	}
	x := 2*g.Float64() - 1
	return time.Duration(float64(most) * x * x * x).Round(time.Millisecond)
}

// lastFault is the share of the work after which nothing goes wrong any more: at the very end there is nothing to hit.
const lastFault = 0.93

func (r *Round) schedule(g *rand.Rand, s Settings) {
	at := func() float64 { return 0.01 + g.Float64()*(lastFault-0.01) }
	for range s.Kills {
		f := Fault{At: at(), Host: g.IntN(s.Hosts)}
		switch k := g.IntN(20); {
		case k < 13:
			f.Kind = KillHandler
		case k < 17:
			f.Kind = KillHost
		default:
			f.Kind = CutBroker
		}
		r.Faults = append(r.Faults, f)
	}
	if s.Faults {
		for range 4 + s.Kills/4 {
			f := other(g)
			f.At, f.Host = at(), g.IntN(s.Hosts)
			r.Faults = append(r.Faults, f)
		}
	}
	slices.SortStableFunc(r.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

// other makes a fault that is no kill.
func other(g *rand.Rand) Fault {
	seconds := func(least, most int) time.Duration {
		return time.Duration(least)*time.Second + time.Duration(g.IntN((most-least)*1000))*time.Millisecond
	}
	switch g.IntN(12) {
	case 0, 1:
		return Fault{Kind: StopHost, For: seconds(1, 8)}
	case 2:
		return Fault{Kind: Freeze, For: seconds(1, 6)}
	case 3, 4:
		f := Fault{Kind: BusFault, For: seconds(2, 10)}
		f.Bus = pick(g, []servicebus.Fault{{Kind: servicebus.DetachLink, Chance: 0.02}, {Kind: servicebus.LoseSettlement, Chance: 0.03},
			{Kind: servicebus.DeliverTwice, Chance: 0.1}, {Kind: servicebus.ServerBusy, Chance: 0.1}, {Kind: servicebus.Delay, Chance: 0.1, Seconds: 1},
			{Kind: servicebus.DropConnection, Chance: 0.005}})
		return f
	case 5, 6:
		f := Fault{Kind: GraphFault, For: seconds(2, 8)}
		f.Rates = pick(g, []entra.Rates{{Before: 0.2}, {AfterWrite: 0.2}, {Reset: 0.2}, {Throttle: 0.1}, {Slow: 0.3}, {Before: 0.05, AfterWrite: 0.05, Reset: 0.05, Throttle: 0.05, Slow: 0.05}})
		return f
	case 7, 8, 9:
		if g.IntN(5) == 0 {
			return Fault{Kind: Revoke}
		}
		return Fault{Kind: LoseAnswers, Count: 1 + g.IntN(12)}
	case 10:
		return Fault{Kind: HangUp}
	default:
		return Fault{Kind: MailFault, For: seconds(3, 10), Mail: []mailbox.Fault{pick(g, []mailbox.Fault{{Kind: mailbox.Greylist, Rate: 0.3}, {Kind: mailbox.Defer, Rate: 0.2},
			{Kind: mailbox.Drop, Rate: 0.1}, {Kind: mailbox.Lose, Rate: 0.1}, {Kind: mailbox.Slow, Rate: 0.2, Delay: mailbox.Duration(time.Second)}})}}
	}
}

// Refusals are the faults of the mail server that a round has all the time.
func Refusals() []mailbox.Fault { return []mailbox.Fault{{Kind: mailbox.Reject, Address: bounces}} }

// Print writes the round for people.
func (r *Round) Print(w io.Writer) {
	fmt.Fprintf(w, "round with seed %d\n", r.Seed)
	for n, f := range r.Files {
		fmt.Fprintf(w, "  file  %3d at %4.1f %%  %s\n", n, 100*f.At, f.describe())
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "  fault at %4.1f %%  %s\n", 100*f.At, f.describe())
	}
	fmt.Fprintf(w, "  clocks of handlers, in the order of their start: %v …\n", r.Skews[:min(12, len(r.Skews))])
}

func (f Fault) describe() string {
	s := string(f.Kind)
	switch f.Kind {
	case KillHandler, KillHost, StopHost:
		s += fmt.Sprintf(" %d", f.Host)
	case BusFault:
		s += fmt.Sprintf(" %s, %g of operations", f.Bus.Kind, f.Bus.Chance)
	case GraphFault:
		s += fmt.Sprintf(" %+v", f.Rates)
	case LoseAnswers:
		s += fmt.Sprintf(" of %d invitations", f.Count)
	case MailFault:
		s += fmt.Sprintf(" %s, %g of mails", f.Mail[0].Kind, f.Mail[0].Rate)
	}
	if f.For > 0 {
		s += " for " + f.For.String()
	}
	return s
}
