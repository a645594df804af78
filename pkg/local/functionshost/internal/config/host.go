package config

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The host's own values where host.json is silent. The documentation says 60 s for the start; the host's code says 30 s.
const (
	standardFunctionTimeout = 30 * time.Minute // of the Flex Consumption and dedicated plans
	standardInitialization  = 30 * time.Second
	standardLockRenewal     = 5 * time.Minute
	callsPerCore            = 16
)

// Host is what host.json says.
type Host struct {
	Dir, Executable, WorkingDir string
	Args                        []string
	Initialization              time.Duration // how long the handler may take until it answers
	FunctionTimeout             time.Duration // 0 is no limit
	Port                        int           // of the handler; 0 is any free one
	BundleID, BundleVersion     string
	ServiceBus                  ServiceBus
	Warnings                    []string // what is accepted but has no effect
}

// ServiceBus is the section extensions.serviceBus.
type ServiceBus struct {
	MaxConcurrentCalls int
	MaxLockRenewal     time.Duration // negative is without end
	Retries            int
	Delay, MaxDelay    time.Duration // of client calls
}

// ReadHost reads host.json in dir and finds the handler.
func ReadHost(dir string, settings Settings) (Host, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Host{}, fmt.Errorf("folder of the function app: %w", err)
	}
	document, err := os.ReadFile(filepath.Join(dir, "host.json"))
	if err != nil {
		return Host{}, fmt.Errorf("host.json: %w", err)
	}
	f, err := flatten(document)
	if err != nil {
		return Host{}, fmt.Errorf("host.json: %w", err)
	}
	f.override(settings)
	h := Host{Dir: dir}
	if err := h.read(f, settings); err != nil {
		return Host{}, fmt.Errorf("host.json: %w", err)
	}
	return h, nil
}

func (h *Host) read(f flat, settings Settings) error {
	if f["version"] != "2.0" {
		return fmt.Errorf(`version is %q, must be "2.0"`, f["version"])
	}
	h.BundleID, h.BundleVersion = f["extensionbundle:id"], f["extensionbundle:version"]
	return errors.Join(h.readTimes(f), h.readHandler(f, settings), h.readServiceBus(f))
}

func (h *Host) readTimes(f flat) error {
	var err error
	if h.Initialization, err = f.span("customhandler:initializationtimeout", standardInitialization); err != nil {
		return err
	}
	if f["functiontimeout"] == "-1" {
		return nil
	}
	if h.FunctionTimeout, err = f.span("functiontimeout", standardFunctionTimeout); err != nil {
		return err
	}
	if h.FunctionTimeout < time.Second {
		return fmt.Errorf("functiontimeout: %q is less than a second", f["functiontimeout"])
	}
	return nil
}

func (h *Host) readHandler(f flat, settings Settings) error {
	const section = "customhandler:description:"
	if !f.has("customhandler") {
		return errors.New("no customHandler section")
	}
	if !f.has("customhandler:description") {
		return errors.New("customHandler has no description")
	}
	name := settings.expand(f[section+"defaultexecutablepath"])
	if name == "" {
		return errors.New("customHandler.description.defaultExecutablePath is empty")
	}
	h.WorkingDir = under(h.Dir, f[section+"workingdirectory"])
	var err error
	if h.Executable, err = executable(name, under(h.Dir, f[section+"workerdirectory"])); err != nil {
		return err
	}
	if h.Args, err = commandLine(f, section, settings); err != nil {
		return err
	}
	if h.Port, err = f.number("customhandler:port", 0); err != nil {
		return err
	}
	for _, key := range []string{"enableforwardinghttprequest", "enableproxyinghttprequest"} {
		if on, _ := f.boolean("customhandler:"+key, false); on {
			h.warn("customHandler." + key + " has no effect: there are no HTTP triggers here")
		}
	}
	if f.has("customhandler:http:routes:0") {
		return UnsupportedError("customHandler.http.routes is not supported locally")
	}
	return nil
}

// commandLine joins all arguments with blanks and splits them again, as the real host and its runtime do: an argument with
// a blank inside becomes two.
func commandLine(f flat, section string, settings Settings) ([]string, error) {
	arguments, err := f.list(section + "arguments")
	if err != nil {
		return nil, err
	}
	more, err := f.list(section + "workerarguments")
	if err != nil {
		return nil, err
	}
	line := append(arguments, settings.expand(f[section+"defaultworkerpath"]))
	line = append(line, more...)
	for i := range line {
		line[i] = settings.expand(line[i])
	}
	return split(strings.Join(line, " ")), nil
}

// split cuts at blanks; double quotes keep blanks together.
func split(line string) []string {
	var out []string
	var word strings.Builder
	quoted, begun := false, false
	for _, r := range line {
		switch {
		case r == '"':
			quoted, begun = !quoted, true
		case (r == ' ' || r == '\t') && !quoted:
			if begun {
				out = append(out, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}

// executable is the file below dir if it is there, else a name on the PATH.
func executable(name, dir string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	full := filepath.Join(dir, name)
	if _, err := os.Stat(full); err == nil {
		return full, nil
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("handler %s is neither in %s nor on the PATH", name, dir)
	}
	return found, nil
}

func under(root, dir string) string {
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(root, dir)
}

func (h *Host) readServiceBus(f flat) error {
	const section = "extensions:servicebus:"
	var errs [5]error
	s := &h.ServiceBus
	s.MaxConcurrentCalls, errs[0] = f.number(section+"maxconcurrentcalls", callsPerCore*runtime.NumCPU())
	s.MaxLockRenewal, errs[1] = f.span(section+"maxautolockrenewalduration", standardLockRenewal)
	s.Retries, errs[2] = f.number(section+"clientretryoptions:maxretries", 3)
	s.Delay, errs[3] = f.span(section+"clientretryoptions:delay", 800*time.Millisecond)
	s.MaxDelay, errs[4] = f.span(section+"clientretryoptions:maxdelay", time.Minute)
	if errs[0] == nil && s.MaxConcurrentCalls < 1 {
		errs[0] = fmt.Errorf("%smaxconcurrentcalls: %d is not positive", section, s.MaxConcurrentCalls)
	}
	if f[section+"prefetchcount"] != "" && f[section+"prefetchcount"] != "0" {
		h.warn("extensions.serviceBus.prefetchCount has no effect locally: messages are fetched one by one")
	}
	if auto, err := f.boolean(section+"autocompletemessages", true); err == nil && !auto {
		h.warn("The 'AutoCompleteMessages' option has been overriden to 'True' value: " +
			"host.json does not reach custom handlers, say autoCompleteMessages in function.json")
	}
	if on, _ := f.boolean("concurrency:dynamicconcurrencyenabled", false); on {
		h.warn("concurrency.dynamicConcurrencyEnabled has no effect locally: maxConcurrentCalls holds")
	}
	return errors.Join(errs[:]...)
}

func (h *Host) warn(text string) { h.Warnings = append(h.Warnings, text) }
