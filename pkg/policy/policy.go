// Package policy holds what one source of files may ask for: the groups, applications, domains and redirect hosts that
// its rows may name, and how much of it. Whoever drops a file can do no more than the policy of its source says.
//
// Start with [Parse] and [Policy.Judge]. For a source without a policy, collect what a file asks for in an [Ask] and
// show a person what [Propose] makes of it. The package is pure: it reads no storage and no directory, so it cannot say
// whether a group exists or may be written; that is judged where the directory is at hand.
package policy

// Version is the version of the policy file that this package reads and writes.
const Version = 1

// Policy is the content of config/sources/<source>.json. The zero value allows nothing.
type Policy struct {
	Version       int           `json:"version"`
	Source        string        `json:"source"`
	Groups        []Group       `json:"groups"`
	Applications  []Application `json:"applications"`
	Domains       []string      `json:"domains"`             // of guests' addresses and of copies, exactly; "*" allows any
	CCDomains     []string      `json:"ccDomains,omitempty"` // of copies only, beside Domains
	RedirectHosts []string      `json:"redirectHosts"`       // host names without port
	MaxGuests     int           `json:"maxGuests"`           // in one file
	AllowText     bool          `json:"allowText"`           // the file may bring its own invitation text
	AllowCC       bool          `json:"allowCC"`             // rows may name an address that gets a copy
	AllowLinks    bool          `json:"allowLinks"`          // links in the text may be followed by a click; else they are plain text
	AllowResend   bool          `json:"allowResend"`         // rows may ask for another invitation of a guest who has one
	MailMode      string        `json:"mailMode"`            // own, microsoft, none; empty means the installation's
}

// Group is a group that rows may name by its object id or its name.
type Group struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Application is an application that rows may name by its application (client) id or its name. Role is the value of the
// app role to assign where a row names none; empty means the default role, which only an application without roles has.
// Roles are the values that a row may name itself, as in "Wiki:Editor"; Role may be named too.
type Application struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Role  string   `json:"role,omitempty"`
	Roles []string `json:"roles,omitempty"`
}
