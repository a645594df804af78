package sbbus

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/bus"
)

// maxReason is the longest reason and description of a dead letter that Service Bus takes, in characters; bytes are
// counted here, which is never more generous.
const maxReason = 4096

// DeadLetter implements bus.DeadLetterer. The message may have been received by another process: it is settled over the
// management link of a receiver that asks for no messages itself.
func (b *Bus) DeadLetter(ctx context.Context, queue, lockToken, reason, description string) error {
	token, err := parseToken(lockToken)
	if err != nil {
		return fmt.Errorf("dead-letter a message of %s: %w", queue, err)
	}
	reason, description = clip(reason), clip(description)
	opts := &azservicebus.DeadLetterOptions{Reason: &reason, ErrorDescription: &description}
	err = b.receivers.use(ctx, queue, func(r *azservicebus.Receiver) error {
		return limited(ctx, func(ctx context.Context) error {
			return r.DeadLetterMessage(ctx, &azservicebus.ReceivedMessage{LockToken: token}, opts)
		})
	})
	if hasCode(err, azservicebus.CodeLockLost) {
		err = errors.Join(bus.ErrLockLost, err)
	}
	if err != nil {
		return fmt.Errorf("dead-letter a message of %s: %w", queue, err)
	}
	return nil
}

// parseToken reads a GUID. The SDK wants its bytes in the order of the text, not in .NET's.
func parseToken(text string) (token [16]byte, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
	if err != nil || len(b) != len(token) {
		return token, fmt.Errorf("lock token %q is no GUID", text)
	}
	return [16]byte(b), nil
}

func clip(s string) string {
	if len(s) <= maxReason {
		return s
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
