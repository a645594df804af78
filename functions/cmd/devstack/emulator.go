package main

import (
	"cmp"
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"guestlist/functions/cmd/devstack/internal/deployed"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
)

// emulator serves one emulator until ctx is done.
func emulator(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	serve := map[string]func(context.Context, []string, io.Writer, io.Writer) error{"servicebus": serveServiceBus, "entra": serveEntra, "mailbox": serveMailbox}[args[0]]
	if serve == nil {
		fmt.Fprintf(stderr, "devstack: %q is no emulator: use servicebus, entra or mailbox\n", args[0])
		return exitUsage
	}
	if err := serve(ctx, args[1:], stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "devstack:", err)
		return exitError
	}
	return exitDone
}

// busOptions are the flags of "devstack servicebus".
type busOptions struct {
	servicebus.Config
	administration          administration
	file, cert, key, sasKey string
}

func parseBus(args []string, stderr io.Writer) (busOptions, error) {
	var o busOptions
	fs := flag.NewFlagSet("devstack servicebus", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:5672", "`ADDRESS` for AMQP")
	fs.StringVar(&o.ListenTLS, "tls-listen", "", "`ADDRESS` for AMQP over TLS, with -cert and -key")
	fs.StringVar(&o.cert, "cert", "", "PEM `FILE` with the certificate for -tls-listen and -admin-tls")
	fs.StringVar(&o.key, "key", "", "PEM `FILE` with the key of the certificate")
	o.administration.flags(fs)
	fs.StringVar(&o.file, "config", "", "take the queues from `FILE`, a config.json as Microsoft's emulator has; else those of Guestlist")
	fs.StringVar(&o.sasKey, "sas-key", "", "shared access `KEY` that tokens must be signed with; else a new one, which is printed")
	fs.BoolVar(&o.AcceptAll, "accept-all", false, "verify no tokens")
	fs.StringVar((*string)(&o.Tier), "tier", string(servicebus.Standard), "`TIER` Standard (messages of 256 KB) or Premium (100 MB)")
	fs.Uint64Var(&o.Seed, "seed", 0, "`SEED` of the faults; 0: a new one, which is printed")
	fs.Func("fault", "`JSON` of what shall go wrong, as {\"kind\":\"server-busy\",\"chance\":0.1,\"queue\":\"uploads\",\"times\":3}; kinds are\n"+
		"drop-connection, detach-link, lose-settlement, deliver-twice, delay (with seconds), server-busy,\nthrottle (with perSecond); may be repeated", func(text string) error {
		var f servicebus.Fault
		in := json.NewDecoder(strings.NewReader(text))
		in.DisallowUnknownFields()
		err := in.Decode(&f)
		o.Faults = append(o.Faults, f)
		return err
	})
	err := fs.Parse(args)
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("devstack servicebus takes flags only, not %q", fs.Args())
	}
	return o, err
}

// load reads the files that the flags name.
func (o *busOptions) load() error {
	if o.Tier != servicebus.Standard && o.Tier != servicebus.Premium {
		return fmt.Errorf("there is no tier %q", o.Tier)
	}
	o.Seed = cmp.Or(o.Seed, rand.Uint64())
	o.Queues = deployed.Queues(true)
	if o.file != "" {
		f, err := os.Open(o.file)
		if err != nil {
			return err
		}
		defer f.Close()
		if o.Queues, err = servicebus.ReadConfig(f); err != nil {
			return fmt.Errorf("%s: %w", o.file, err)
		}
	}
	if o.ListenTLS != "" || o.administration.secure != "" {
		var err error
		if o.Certificate, err = tls.LoadX509KeyPair(o.cert, o.key); err != nil {
			return fmt.Errorf("-tls-listen and -admin-tls need -cert and -key: %w", err)
		}
	}
	o.Keys = []servicebus.Key{{Name: "RootManageSharedAccessKey", Key: cmp.Or(o.sasKey, cryptorand.Text()), Rights: []servicebus.Right{servicebus.Manage}}}
	return nil
}

func serveServiceBus(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseBus(args, stderr)
	if err == nil {
		err = o.load()
	}
	if err != nil {
		return err
	}
	o.Log = slog.New(slog.NewTextHandler(stderr, nil))
	s, err := servicebus.Serve(o.Config)
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintln(stdout, s.ConnectionString())
	admin, err := o.administration.serve(s, o.Certificate, stdout, stderr)
	if err != nil {
		return err
	}
	defer admin.Close()
	if len(o.Faults) > 0 {
		fmt.Fprintf(stdout, "faults with -seed %d\n", o.Seed)
	}
	<-ctx.Done()
	return nil
}

func serveEntra(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("devstack entra", flag.ContinueOnError)
	fs.SetOutput(stderr)
	listen := fs.String("listen", "127.0.0.1:7080", "`ADDRESS` of Microsoft Graph, tokens and the redeem page")
	control := fs.String("control", "127.0.0.1:7081", "`ADDRESS` of the controls")
	file := fs.String("seed", "", "fill the directory from `FILE`")
	lag := fs.Duration("lag", 2*time.Second, "replication lag")
	limits := fs.Bool("limits", true, "answer 429 beyond the documented limits")
	window := fs.Duration("limit-window", 0, "window of the write limit, at the same rate; 0 is the documented 150 s")
	faults := fs.Bool("faults", false, "let a few requests fail at random")
	life := fs.Duration("token-life", 0, "how long a token is taken; 0 is 24 h")
	random := fs.Uint64("rand", rand.Uint64(), "seed of lag and faults")
	if err := fs.Parse(args); err != nil {
		return err
	}
	seed, err := readSeed(*file)
	if err != nil {
		return err
	}
	s, err := entra.Serve(entra.Config{Listen: *listen, Control: *control, Seed: seed, Lag: *lag, Limits: *limits, LimitWindow: *window,
		Faults: *faults, TokenLife: *life, RandSeed: *random, Log: slog.New(slog.NewTextHandler(stderr, nil))})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(stdout, "graph %s\ncontrols %s\nIDENTITY_ENDPOINT=%s\nIDENTITY_HEADER=%s\n", s.URL(), s.ControlURL(), s.IdentityEndpoint(), s.IdentityHeader())
	<-ctx.Done()
	return nil
}

func serveMailbox(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("devstack mailbox", flag.ContinueOnError)
	fs.SetOutput(stderr)
	listen := fs.String("listen", "127.0.0.1:8025", "`ADDRESS` of the page, the API and the controls")
	smtp := fs.String("smtp", "127.0.0.1:1025", "`ADDRESS` that takes mails")
	random := fs.Uint64("rand", rand.Uint64(), "seed of faults")
	if err := fs.Parse(args); err != nil {
		return err
	}
	s, err := mailbox.Serve(mailbox.Config{SMTP: *smtp, HTTP: *listen, NoTLS: true, RandSeed: *random, Log: slog.New(slog.NewTextHandler(stderr, nil))})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(stdout, "mailbox %s\nsmtp %s\n", s.URL(), s.SMTPAddr())
	<-ctx.Done()
	return nil
}

// readSeed reads a directory seed; no file is an empty directory.
func readSeed(path string) (entra.Seed, error) {
	if path == "" {
		return entra.Seed{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return entra.Seed{}, err
	}
	defer f.Close()
	seed, err := entra.ReadSeed(f)
	if err != nil {
		return seed, fmt.Errorf("%s: %w", path, err)
	}
	return seed, nil
}
