package customhandler_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"guestlist/pkg/customhandler"
)

// A handler with one timer; a real one adds functions with their steps, a sender and a dead-letterer.
func ExampleServer() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ln, err := customhandler.Listen(func(string) string { return "0" }) // os.Getenv in a program
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &customhandler.Server{Listener: ln, Setup: func(context.Context) (http.Handler, error) {
		log := customhandler.NewLogger(io.Discard, nil) // os.Stdout in a program
		sweep := func(context.Context) error { fmt.Println("swept"); return nil }
		return customhandler.New(customhandler.Options{Log: log, Timers: []customhandler.Timer{{Name: "sweepledger", Run: sweep}}})
	}}
	end := make(chan error)
	go func() { end <- srv.Run(ctx) }()

	resp, err := http.Post("http://"+ln.Addr().String()+"/sweepledger", "application/json", strings.NewReader("{}"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, strings.TrimSpace(string(body)), err)
	stop()
	fmt.Println(<-end)
	// Output:
	// swept
	// 200 {} <nil>
	// <nil>
}
