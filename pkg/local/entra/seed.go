package entra

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// MicrosoftOrganization is the owner organisation of Microsoft's own applications (source: resource type
// servicePrincipal, property appOwnerOrganizationId).
const MicrosoftOrganization = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

// Seed is what a directory holds at its start. Ids are GUIDs in any case; one that is left out is derived from the
// object's address, name or appId, so that the same seed always gives the same ids.
type Seed struct {
	TenantID string `json:"tenantId,omitempty"`
	// VerifiedDomains are the tenant's own: nobody in them can be invited. The initial domain, which guests' principal
	// names end in, is the first below onmicrosoft.com, else the first; the first of all is the primary domain. Empty means
	// contoso.onmicrosoft.com.
	VerifiedDomains []string      `json:"verifiedDomains,omitempty"`
	Users           []User        `json:"users,omitempty"`
	Groups          []Group       `json:"groups,omitempty"`
	Applications    []Application `json:"applications,omitempty"`
	// Contacts are mail contacts of the organisation.
	Contacts []Contact `json:"contacts,omitempty"`
	// DeletedUsers are in the recycle bin: restorable for 30 days, and counted against the quota of objects.
	DeletedUsers []User     `json:"deletedUsers,omitempty"`
	Identities   []Identity `json:"identities,omitempty"`
	Settings     Settings   `json:"settings,omitzero"`
}

// Contact is a mail contact. A guest invited by its address gets no proxy address, and so cannot redeem by a direct link
// (source: Entra page Troubleshoot B2B collaboration).
type Contact struct {
	DisplayName string `json:"displayName,omitempty"`
	Mail        string `json:"mail"`
}

// User is an account. UserType is Member, the default, or Guest. A principal name that is left out is the mail address
// for members, and for guests what an invitation makes of it. ExternalUserState is PendingAcceptance, Accepted or empty.
type User struct {
	ID                string   `json:"id,omitempty"`
	DisplayName       string   `json:"displayName,omitempty"`
	Mail              string   `json:"mail,omitempty"`
	UserPrincipalName string   `json:"userPrincipalName,omitempty"`
	UserType          string   `json:"userType,omitempty"`
	OtherMails        []string `json:"otherMails,omitempty"`
	ProxyAddresses    []string `json:"proxyAddresses,omitempty"` // SMTP:primary, smtp:other
	ExternalUserState string   `json:"externalUserState,omitempty"`
	CreationType      string   `json:"creationType,omitempty"`   // Invitation for guests
	AccountEnabled    *bool    `json:"accountEnabled,omitempty"` // true if left out
}

// Group is a group; with neither groupTypes nor mailEnabled it is a security group. RefusesGuests stands for a Microsoft
// 365 group whose settings keep guests out, MaxMembers for its quota; they are no properties of Microsoft Graph. Members are
// ids of users.
type Group struct {
	ID                    string   `json:"id,omitempty"`
	DisplayName           string   `json:"displayName,omitempty"`
	Mail                  string   `json:"mail,omitempty"`
	ProxyAddresses        []string `json:"proxyAddresses,omitempty"` // SMTP:primary, smtp:other
	GroupTypes            []string `json:"groupTypes,omitempty"`     // DynamicMembership, Unified
	MailEnabled           bool     `json:"mailEnabled,omitempty"`
	SecurityEnabled       *bool    `json:"securityEnabled,omitempty"` // true if left out
	IsAssignableToRole    bool     `json:"isAssignableToRole,omitempty"`
	OnPremisesSyncEnabled bool     `json:"onPremisesSyncEnabled,omitempty"`
	RefusesGuests         bool     `json:"refusesGuests,omitempty"`
	MaxMembers            int      `json:"maxMembers,omitempty"` // 0 is any number
	Members               []string `json:"members,omitempty"`
}

// Application is an application with its service principal in this tenant: AppID is the application (client) ID, ID the
// object id of the service principal. The owner organisation is the tenant itself if left out; see
// [MicrosoftOrganization].
type Application struct {
	AppID                     string       `json:"appId"`
	ID                        string       `json:"id,omitempty"`
	DisplayName               string       `json:"displayName,omitempty"`
	Homepage                  string       `json:"homepage,omitempty"` // where My Apps leads
	AppOwnerOrganizationID    string       `json:"appOwnerOrganizationId,omitempty"`
	AppRoleAssignmentRequired bool         `json:"appRoleAssignmentRequired,omitempty"`
	AppRoles                  []AppRole    `json:"appRoles,omitempty"`
	Assignments               []Assignment `json:"assignments,omitempty"`
}

// AppRole is a role that an application declares; AllowedMemberTypes is User, Application or both, User if left out.
type AppRole struct {
	ID                 string   `json:"id,omitempty"`
	Value              string   `json:"value,omitempty"`
	DisplayName        string   `json:"displayName,omitempty"`
	IsEnabled          *bool    `json:"isEnabled,omitempty"` // true if left out
	AllowedMemberTypes []string `json:"allowedMemberTypes,omitempty"`
}

// Assignment gives a user or group an app role.
type Assignment struct {
	PrincipalID string `json:"principalId"`
	AppRoleID   string `json:"appRoleId"`
}

// ReadSeed reads a seed in JSON. Unknown keys, text after the object, ids that are no GUIDs, ids used twice and members
// that do not exist are errors that name the object.
func ReadSeed(r io.Reader) (Seed, error) {
	var s Seed
	if err := decodeStrict(r, &s); err != nil {
		return Seed{}, fmt.Errorf("read directory seed: %w", err)
	}
	if _, err := newTenant(s, timing{}); err != nil {
		return Seed{}, fmt.Errorf("check directory seed: %w", err)
	}
	return s, nil
}

// decodeStrict decodes exactly one JSON value without unknown keys.
func decodeStrict(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text after the JSON value")
	}
	return nil
}

var (
	anyGUID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	guidShape = regexp.MustCompile(`^` + anyGUID.String() + `$`)
)

// fixID lower-cases an id, derives one from name where it is missing, and refuses what is no GUID.
func fixID(id, kind, name string) (string, error) {
	id = strings.ToLower(id)
	switch {
	case id == "" && name == "":
		return "", fmt.Errorf("a %s has neither an id nor a name", kind)
	case id == "":
		return guid(kind, strings.ToLower(name)), nil
	case !guidShape.MatchString(id):
		return "", fmt.Errorf("%s %q: the id %q is no GUID", kind, name, id)
	}
	return id, nil
}

// guid derives a GUID from its parts.
func guid(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80 // version 4, variant 1, as the directory's own ids look
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// complete fills what a user may leave out; initial is the tenant's initial domain.
func (u User) complete(initial string) (User, error) {
	id, err := fixID(u.ID, "user", cmp.Or(u.Mail, u.UserPrincipalName))
	if err != nil {
		return User{}, err
	}
	u.ID, u.UserType, u.AccountEnabled = id, cmp.Or(u.UserType, "Member"), orTrue(u.AccountEnabled)
	guest := u.UserType == "Guest"
	switch {
	case !guest && u.UserType != "Member":
		return User{}, fmt.Errorf("user %s: userType is %q, want Member or Guest", id, u.UserType)
	case !slices.Contains([]string{"", pending, accepted}, u.ExternalUserState):
		return User{}, fmt.Errorf("user %s: externalUserState is %q, want %s, %s or nothing", id, u.ExternalUserState, pending, accepted)
	case u.UserPrincipalName == "" && guest:
		u.UserPrincipalName = guestPrincipal(u.Mail, initial)
	case u.UserPrincipalName == "":
		u.UserPrincipalName = u.Mail
	}
	if guest {
		u.CreationType = cmp.Or(u.CreationType, "Invitation")
	}
	if u.ProxyAddresses == nil && u.Mail != "" {
		u.ProxyAddresses = []string{"SMTP:" + u.Mail}
	}
	return u, nil
}

// complete fills what a group may leave out.
func (g Group) complete() (Group, error) {
	id, err := fixID(g.ID, "group", g.DisplayName)
	if err != nil {
		return Group{}, err
	}
	g.ID, g.SecurityEnabled = id, orTrue(g.SecurityEnabled)
	g.DisplayName = cmp.Or(g.DisplayName, id)
	return g, nil
}

// complete fills what an application may leave out; tenant owns it by default.
func (a Application) complete(tenant string) (Application, error) {
	var err error
	if a.AppID, err = fixID(a.AppID, "application", ""); err != nil {
		return Application{}, fmt.Errorf("application %q needs an appId that is a GUID: %w", a.DisplayName, err)
	}
	if a.ID, err = fixID(a.ID, "service principal", a.AppID); err != nil {
		return Application{}, err
	}
	a.DisplayName = cmp.Or(a.DisplayName, a.AppID)
	a.AppOwnerOrganizationID = strings.ToLower(cmp.Or(a.AppOwnerOrganizationID, tenant))
	a.AppRoles = slices.Clone(a.AppRoles)
	for i, r := range a.AppRoles {
		if r.ID, err = fixID(r.ID, "app role of "+a.AppID, cmp.Or(r.Value, r.DisplayName)); err != nil {
			return Application{}, err
		}
		if r.AllowedMemberTypes == nil {
			r.AllowedMemberTypes = []string{"User"}
		}
		r.IsEnabled = orTrue(r.IsEnabled)
		a.AppRoles[i] = r
	}
	return a, nil
}

func orTrue(b *bool) *bool {
	if b == nil {
		return new(true)
	}
	return b
}
