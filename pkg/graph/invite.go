package graph

import (
	"context"
	"log/slog"
	"strings"

	kiota "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/invitations"
)

// Invitation is whom to invite and how. Text, CC and Language matter only where Microsoft sends its mail; Microsoft
// ignores Language if Text is given, and leaves Text out of invitations made by an application.
type Invitation struct {
	Address, DisplayName, RedirectURL string
	Text, CC, Language                string // Language in any form that Language knows
	SendMail                          bool
}

// Invited is the guest. RedeemURL lets whoever holds it redeem the invitation: it is a secret, and neither printed nor
// logged by accident.
type Invited struct{ UserID, RedeemURL string }

// String returns the user id only.
func (i Invited) String() string { return i.UserID }

// GoString returns the user id only.
func (i Invited) GoString() string { return i.UserID }

// LogValue logs the user id only.
func (i Invited) LogValue() slog.Value { return slog.StringValue(i.UserID) }

type invitation struct {
	Address     string       `json:"invitedUserEmailAddress"`
	DisplayName string       `json:"invitedUserDisplayName,omitempty"`
	RedirectURL string       `json:"inviteRedirectUrl"`
	SendMail    bool         `json:"sendInvitationMessage"`
	Message     *messageInfo `json:"invitedUserMessageInfo,omitempty"`
}

type messageInfo struct {
	Text     string      `json:"customizedMessageBody,omitempty"`
	Language string      `json:"messageLanguage,omitempty"`
	CC       []recipient `json:"ccRecipients,omitempty"`
}

type recipient struct {
	EmailAddress struct {
		Address string `json:"address"`
	} `json:"emailAddress"`
}

// Invite makes a guest, or a new redeem URL for one who is there already. It is not idempotent where SendMail is set:
// each call that works mails again. After an error that is not [Error.Certain] the guest may exist.
func (c *Client) Invite(ctx context.Context, i Invitation) (Invited, error) {
	b := invitations.NewInvitationsRequestBuilderInternal(map[string]string{}, c.adapter)
	info, err := send(kiota.POST, b.BaseRequestBuilder, i.body())
	if err != nil {
		return Invited{}, err
	}
	var answer struct {
		InviteRedeemURL string
		InvitedUser     object
	}
	if err := c.read(ctx, call{op: Invite, secret: []string{i.Address, i.CC}}, info, &answer, &answer.InvitedUser.ID); err != nil {
		return Invited{}, err
	}
	return Invited{UserID: answer.InvitedUser.ID, RedeemURL: answer.InviteRedeemURL}, nil
}

func (i Invitation) body() invitation {
	b := invitation{Address: i.Address, DisplayName: i.DisplayName, RedirectURL: i.RedirectURL, SendMail: i.SendMail}
	if !i.SendMail || i.Text == "" && i.Language == "" && i.CC == "" {
		return b
	}
	b.Message = &messageInfo{Text: i.Text}
	if i.Language != "" {
		b.Message.Language = Language(i.Language)
	}
	if i.CC != "" {
		b.Message.CC = make([]recipient, 1)
		b.Message.CC[0].EmailAddress.Address = i.CC
	}
	return b
}

// languages maps the legacy file format's codes, and bare languages, to the form that Microsoft Graph documents.
var languages = map[string]string{
	"en": "en-US", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR", "ru": "ru-RU",
	"pt": "pt-BR", "pt-br": "pt-BR", "zh-hans": "zh-CN", "zh-hant": "zh-TW", "zh-cn": "zh-CN", "zh-tw": "zh-TW",
}

// Language returns the messageLanguage for a language code of a file, in whatever case. A region is dropped where it is
// not one of those above (de-AT is mailed in German); what is unknown is mailed in English, as by default.
func Language(code string) string {
	code = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(code), "_", "-"))
	if l, ok := languages[code]; ok {
		return l
	}
	base, _, _ := strings.Cut(code, "-")
	if l, ok := languages[base]; ok {
		return l
	}
	return languages["en"]
}
