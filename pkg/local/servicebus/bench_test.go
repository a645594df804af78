package servicebus_test

import (
	"context"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
)

func benchClient(b *testing.B) (*azservicebus.Sender, *azservicebus.Receiver) {
	s := servicebustest.Start(b, servicebus.Queue{Name: "q"})
	c, err := azservicebus.NewClientFromConnectionString(s.ConnectionString(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(context.Background()) })
	sender, err := c.NewSender("q", nil)
	if err != nil {
		b.Fatal(err)
	}
	receiver, err := c.NewReceiverForQueue("q", nil)
	if err != nil {
		b.Fatal(err)
	}
	return sender, receiver
}

// sendBatches sends n messages of 500 bytes, 100 to a batch.
func sendBatches(b *testing.B, s *azservicebus.Sender, n int) {
	body := make([]byte, 500)
	for n > 0 {
		batch, err := s.NewMessageBatch(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		for ; n > 0 && batch.NumMessages() < 100; n-- {
			if err := batch.AddMessage(&azservicebus.Message{Body: body}, nil); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.SendMessageBatch(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSendInBatches(b *testing.B) {
	s, _ := benchClient(b)
	sendBatches(b, s, 1)
	b.ReportAllocs()
	b.ResetTimer()
	sendBatches(b, s, b.N)
}

func BenchmarkReceiveAndComplete(b *testing.B) {
	s, r := benchClient(b)
	sendBatches(b, s, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		got, err := r.ReceiveMessages(b.Context(), min(100, b.N-n), nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range got {
			if err := r.CompleteMessage(b.Context(), m, nil); err != nil {
				b.Fatal(err)
			}
		}
		n += len(got)
	}
}
