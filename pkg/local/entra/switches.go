package entra

import "slices"

// Switch is one behaviour that a test or an operator chooses.
type Switch struct {
	// Name is where it is set: config.X for a field of Config; seed.x, user.x, group.x, application.x, role.x, contact.x and
	// identity.x for a key of the seed; setting.x for a key of POST /tenant and of the seed's settings; fault.x for a key of
	// POST /faults and rate.x for one of its rates; refusal.x for a fault of that name; control.X for a request.
	Name string `json:"name"`
	Does string `json:"does"`
	// Source says where the behaviour is described.
	Source string `json:"source"`
	// Evidence is D, M, T or U as in [Refusal]; E marks what only the emulator needs.
	Evidence string `json:"evidence"`
}

// Switches returns all switches, those of the catalogue of refusals included.
func Switches() []Switch {
	all := slices.Clone(switches)
	for _, r := range catalogue {
		all = append(all, Switch{"refusal." + r.Name, "answers with it whatever the state of the directory", r.Source, r.Evidence})
	}
	return all
}

var switches = []Switch{}
