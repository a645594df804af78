package lambda

import (
	"crypto/md5" // the protocol has it; it protects nothing
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// SendOnly is a queue of SQS that takes messages by the AWS JSON protocol and keeps them.
type SendOnly struct {
	ln     net.Listener
	server *http.Server

	mu     sync.Mutex
	bodies []string
	refuse int // status of answers; 0 takes messages
}

// ServeQueue listens on a free port of 127.0.0.1.
func ServeQueue() (*SendOnly, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	q := &SendOnly{ln: ln}
	q.server = &http.Server{Handler: q, ReadHeaderTimeout: time.Minute}
	go q.server.Serve(ln) //nolint:errcheck // it ends with Close
	return q, nil
}

// URL names the queue in SendMessage.
func (q *SendOnly) URL() string { return q.Endpoint() + "/000000000000/failures" }

// Endpoint is the address of the service, for AWS_ENDPOINT_URL_SQS.
func (q *SendOnly) Endpoint() string { return "http://" + q.ln.Addr().String() }

// Bodies returns the messages, in the order in which they came.
func (q *SendOnly) Bodies() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]string(nil), q.bodies...)
}

// Refuse makes the queue answer with a status from now on; 0 makes it take messages again.
func (q *SendOnly) Refuse(status int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refuse = status
}

// Close ends the service.
func (q *SendOnly) Close() { _ = q.server.Close() }

// ServeHTTP implements http.Handler.
func (q *SendOnly) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	var in struct{ QueueURL, MessageBody string }
	raw, err := io.ReadAll(req.Body)
	switch {
	case q.refuse != 0:
		w.WriteHeader(q.refuse)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#InternalError","message":"refused as asked"}`)
	case err != nil, json.Unmarshal(raw, &in) != nil, req.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessage", in.QueueURL != q.URL():
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"only SendMessage to `+q.URL()+`"}`)
	default:
		q.bodies = append(q.bodies, in.MessageBody)
		sum := md5.Sum([]byte(in.MessageBody))
		_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": requestID(), "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
}
