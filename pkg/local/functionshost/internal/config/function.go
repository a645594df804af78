package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"guestlist/pkg/local/functionshost/internal/ncrontab"
)

// Function is a folder with a valid function.json.
type Function struct {
	Name     string
	Binding  string // name of the trigger binding
	Disabled bool
	JSON     json.RawMessage // function.json as it is

	Timer *Timer // exactly one of the triggers is set
	Queue *Queue
}

// Timer is a timerTrigger.
type Timer struct {
	Schedule     ncrontab.Schedule
	RunOnStartup bool
	Monitor      bool // keeps a ScheduleStatus
}

// Queue is a serviceBusTrigger on a queue, or on a subscription of a topic.
type Queue struct {
	Queue, Topic, Subscription string
	Connection                 string // connection string
	Binary                     bool   // dataType binary: the body comes as bytes
	AutoComplete               bool
}

// Problem is a function that does not run, or a setting that is missing. The real host logs it and goes on.
type Problem struct {
	Function string // folder name
	Err      error
}

func (p Problem) Error() string { return fmt.Sprintf("function %s: %v", p.Function, p.Err) }

func (p Problem) Unwrap() error { return p.Err }

var (
	functionName = regexp.MustCompile(`^(?i)[a-z][a-z0-9_-]{0,127}$`)
	bindingName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]{0,127}$`)
)

// ReadFunctions reads each direct subfolder that has a function.json. It returns a problem for each that is bad, and an
// error where a function needs what is not supported here.
func (h Host) ReadFunctions(settings Settings) ([]Function, []Problem, error) {
	entries, err := os.ReadDir(h.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("folder of the function app: %w", err)
	}
	var functions []Function
	var problems []Problem
	for _, entry := range entries {
		document, err := os.ReadFile(filepath.Join(h.Dir, entry.Name(), "function.json"))
		if err != nil {
			continue // a file, or a folder that is no function
		}
		f, err := h.readFunction(entry.Name(), document, settings)
		var unsupported UnsupportedError
		switch {
		case errors.As(err, &unsupported):
			return nil, nil, fmt.Errorf("function %s: %w", entry.Name(), err)
		case err != nil:
			problems = append(problems, Problem{entry.Name(), err})
		default:
			functions = append(functions, f)
		}
	}
	return functions, problems, nil
}

// document is a function.json. Go's decoder takes names without regard to case, as the host does.
type document struct {
	Disabled any
	Bindings []binding
}

type binding struct {
	Type, Direction, Name, DataType, Cardinality, Connection string
	Schedule                                                 string
	RunOnStartup                                             bool
	UseMonitor                                               *bool
	QueueName, TopicName, SubscriptionName                   string
	IsSessionsEnabled                                        bool
	AutoCompleteMessages                                     *bool
}

func (h Host) readFunction(name string, text []byte, settings Settings) (Function, error) {
	if !functionName.MatchString(name) || strings.EqualFold(name, "host") {
		return Function{}, fmt.Errorf("%q is no valid function name", name)
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return Function{}, fmt.Errorf("function.json: %w", err)
	}
	trigger, err := doc.trigger()
	if err != nil {
		return Function{}, err
	}
	f := Function{Name: name, Binding: trigger.Name, JSON: text, Disabled: disabled(name, doc.Disabled, settings)}
	switch strings.ToLower(trigger.Type) {
	case "timertrigger":
		f.Timer, err = trigger.timer(settings)
	case "servicebustrigger":
		if h.BundleID == "" {
			return Function{}, errors.New("the binding type serviceBusTrigger is not registered: host.json names no extensionBundle")
		}
		f.Queue, err = trigger.queue(settings)
	default:
		err = UnsupportedError(fmt.Sprintf("trigger %s is not supported locally, only serviceBusTrigger and timerTrigger", trigger.Type))
	}
	return f, err
}

// trigger checks the bindings and returns the one that starts the function.
func (d document) trigger() (binding, error) {
	var triggers, others []binding
	for _, b := range d.Bindings {
		switch {
		case !bindingName.MatchString(b.Name) && b.Name != "$return":
			return binding{}, fmt.Errorf("binding name %q is not valid", b.Name)
		case strings.HasSuffix(strings.ToLower(b.Type), "trigger"):
			triggers = append(triggers, b)
		default:
			others = append(others, b)
		}
	}
	if len(triggers) != 1 {
		return binding{}, fmt.Errorf("function.json must have exactly one trigger, has %d", len(triggers))
	}
	if len(others) > 0 {
		b := others[0]
		return binding{}, UnsupportedError(fmt.Sprintf("binding %s (%s, direction %q) is not supported locally, only the trigger is",
			b.Name, b.Type, b.Direction))
	}
	return triggers[0], nil
}

// disabled asks function.json (true, or the name of a setting) and the two settings for it.
func disabled(name string, declared any, settings Settings) bool {
	text := fmt.Sprint(declared)
	if v, ok := settings.Lookup(text); ok {
		text = v
	}
	if truth(text) {
		return true
	}
	dotted, _ := settings.Lookup("AzureWebJobs." + name + ".Disabled")
	lined, _ := settings.Lookup("AzureWebJobs_" + name + "_Disabled")
	return truth(dotted) || truth(lined)
}

func truth(text string) bool { return strings.EqualFold(text, "true") || text == "1" }

func (b binding) timer(settings Settings) (*Timer, error) {
	text, err := settings.Resolve(b.Schedule)
	if err != nil {
		return nil, err
	}
	schedule, err := ncrontab.Parse(text)
	if err != nil {
		return nil, err
	}
	return &Timer{Schedule: schedule, RunOnStartup: b.RunOnStartup, Monitor: b.UseMonitor == nil || *b.UseMonitor}, nil
}

func (b binding) queue(settings Settings) (*Queue, error) {
	switch {
	case strings.EqualFold(b.Cardinality, "many"):
		return nil, UnsupportedError("cardinality many is not supported locally: one message at a time")
	case b.IsSessionsEnabled:
		return nil, UnsupportedError("isSessionsEnabled is not supported locally")
	case strings.EqualFold(b.DataType, "stream"):
		return nil, UnsupportedError("dataType stream is not supported locally")
	}
	q := &Queue{Binary: strings.EqualFold(b.DataType, "binary"), AutoComplete: b.AutoCompleteMessages == nil || *b.AutoCompleteMessages}
	var errs [3]error
	q.Queue, errs[0] = settings.Resolve(b.QueueName)
	q.Topic, errs[1] = settings.Resolve(b.TopicName)
	q.Subscription, errs[2] = settings.Resolve(b.SubscriptionName)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if q.Queue == "" && (q.Topic == "" || q.Subscription == "") {
		return nil, errors.New("serviceBusTrigger needs queueName, or topicName and subscriptionName")
	}
	name, err := settings.Resolve(b.Connection)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = "ServiceBus" // with the host's prefix: AzureWebJobsServiceBus
	}
	q.Connection, err = settings.Connection(name)
	return q, err
}
