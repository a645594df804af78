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
	"sync"
	"syscall"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
)

// asServer makes the test binary serve instead, so that benchmarks tell the server's own processor time and allocations
// from the client's. Its value may name a file for a processor profile, and with ".allocs" behind it one of allocations.
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

// serveForBenchmarks prints the connection string, then for each line that it reads the nanoseconds of processor time, the
// allocations so far and the bytes of live heap, until its input ends.
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
		allocs, err := os.Create(profile + ".allocs")
		if err != nil {
			return err
		}
		defer allocs.Close()
		defer pprof.Lookup("allocs").WriteTo(allocs, 0)
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
		if in.Text() == "collect" {
			runtime.GC()
		}
		runtime.ReadMemStats(&memory)
		fmt.Println(use.Utime.Nano()+use.Stime.Nano(), memory.Mallocs, memory.HeapAlloc)
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

// usage is what the server has used so far.
type usage struct{ cpu, allocations, heap int64 }

// use asks the server, which collects its garbage first if told so.
func (s *bench) use(how string) (u usage) {
	fmt.Fprintln(s.in, how)
	_, err := fmt.Fscan(s.out, &u.cpu, &u.allocations, &u.heap)
	must(s.B, err)
	return u
}

// measure runs what b.N messages take. The other numbers of "go test -bench" are the client's.
func (s *bench) measure(run func(n int)) {
	s.ReportAllocs()
	before := s.use("")
	s.ResetTimer()
	run(s.N)
	s.StopTimer()
	after := s.use("")
	n := float64(s.N)
	s.ReportMetric(n/s.Elapsed().Seconds(), "msg/s")
	s.ReportMetric(float64(after.cpu-before.cpu)/n, "server-cpu-ns/msg")
	s.ReportMetric(float64(after.allocations-before.allocations)/n, "server-allocs/msg")
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

// receiveAtOnce receives n messages and completes them, 64 at a time.
func (s *bench) receiveAtOnce(n int) {
	for n > 0 {
		got, err := s.receiver.ReceiveMessages(s.Context(), min(1000, n), nil)
		must(s.B, err)
		var completing sync.WaitGroup
		for i := range 64 {
			completing.Go(func() {
				for j := i; j < len(got); j += 64 {
					if err := s.receiver.CompleteMessage(s.Context(), got[j], nil); err != nil {
						s.Error(err)
					}
				}
			})
		}
		completing.Wait()
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

func BenchmarkReceiveAndCompleteAtOnce(b *testing.B) {
	s := startBench(b)
	s.send(b.N)
	s.measure(s.receiveAtOnce)
}

// BenchmarkFlow sends, receives and completes, with 10,000 messages in the queue at most. It tells the server's live heap
// after each million: run it with -benchtime 10000000x.
func BenchmarkFlow(b *testing.B) {
	s := startBench(b)
	s.measure(func(n int) {
		for done := 0; done < n; {
			step := min(10_000, n-done)
			s.send(step)
			s.receiveAtOnce(step)
			if done += step; done%1_000_000 == 0 {
				b.Logf("%d messages: %d bytes of live heap", done, s.use("collect").heap)
			}
		}
	})
}
