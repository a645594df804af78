package servicebus_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
)

// asServer makes the test binary serve instead, so that benchmarks tell the server's own processor time and allocations
// from the client's. Its value may name a file for a processor profile.
const asServer = "SERVICEBUS_TEST_SERVER"

func TestMain(m *testing.M) {
	if profile, ok := os.LookupEnv(asServer); ok {
		if err := serveForBenchmarks(profile); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveForBenchmarks prints the connection string, then for each line that it reads the nanoseconds of processor time and
// the allocations so far, until its input ends.
func serveForBenchmarks(profile string) error {
	s, err := servicebus.Serve(servicebus.Config{Queues: []servicebus.Queue{{Name: "q"}}})
	if err != nil {
		return err
	}
	defer s.Close()
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Println(s.ConnectionString())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var use syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
			return err
		}
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		fmt.Println(time.Duration(use.Utime.Nano()+use.Stime.Nano()).Nanoseconds(), memory.Mallocs)
	}
	return nil
}

// bench is a server in a process of its own, and a sender and a receiver of the real SDK.
type bench struct {
	*testing.B
	in       io.Writer
	out      *bufio.Reader
	sender   *azservicebus.Sender
	receiver *azservicebus.Receiver
}

func startBench(b *testing.B) *bench {
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), asServer+"="+os.Getenv("SERVICEBUS_PROFILE")), os.Stderr
	in, err := cmd.StdinPipe()
	must(b, err)
	out, err := cmd.StdoutPipe()
	must(b, err)
	must(b, cmd.Start())
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	s := &bench{B: b, in: in, out: bufio.NewReader(out)}
	var connection string
	_, err = fmt.Fscanln(s.out, &connection)
	must(b, err)
	c, err := azservicebus.NewClientFromConnectionString(connection, nil)
	must(b, err)
	b.Cleanup(func() { c.Close(context.Background()) })
	s.sender, err = c.NewSender("q", nil)
	must(b, err)
	s.receiver, err = c.NewReceiverForQueue("q", nil)
	must(b, err)
	s.send(1)
	s.receive(1)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// use asks the server what it has used so far.
func (s *bench) use() (nanoseconds, allocations int64) {
	fmt.Fprintln(s.in)
	_, err := fmt.Fscan(s.out, &nanoseconds, &allocations)
	must(s.B, err)
	return nanoseconds, allocations
}

// measure runs what b.N messages take. The numbers of "go test -bench" are the client's and the wall clock's.
func (s *bench) measure(run func(n int)) {
	s.ReportAllocs()
	cpu, allocs := s.use()
	s.ResetTimer()
	run(s.N)
	s.StopTimer()
	cpu2, allocs2 := s.use()
	n := float64(s.N)
	s.ReportMetric(n/s.Elapsed().Seconds(), "msg/s")
	s.ReportMetric(float64(cpu2-cpu)/n, "server-cpu-ns/msg")
	s.ReportMetric(float64(allocs2-allocs)/n, "server-allocs/msg")
}

// send sends n messages of 500 bytes, 100 to a batch.
func (s *bench) send(n int) {
	body := make([]byte, 500)
	for n > 0 {
		batch, err := s.sender.NewMessageBatch(s.Context(), nil)
		must(s.B, err)
		for ; n > 0 && batch.NumMessages() < 100; n-- {
			must(s.B, batch.AddMessage(&azservicebus.Message{Body: body}, nil))
		}
		must(s.B, s.sender.SendMessageBatch(s.Context(), batch, nil))
	}
}

// receive receives and completes n messages, one after the other.
func (s *bench) receive(n int) {
	for n > 0 {
		got, err := s.receiver.ReceiveMessages(s.Context(), min(100, n), nil)
		must(s.B, err)
		for _, m := range got {
			must(s.B, s.receiver.CompleteMessage(s.Context(), m, nil))
		}
		n -= len(got)
	}
}

func BenchmarkSendInBatches(b *testing.B) {
	s := startBench(b)
	s.measure(s.send)
}

func BenchmarkReceiveAndComplete(b *testing.B) {
	s := startBench(b)
	s.send(b.N)
	s.measure(s.receive)
}
