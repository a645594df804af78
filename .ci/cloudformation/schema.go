package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awslabs/goformation/v7/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// conform compares resources with the schemas of their types.
func conform(resources map[string]any) (problems []string) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(schema.CloudformationSchema), &doc); err != nil {
		return []string{err.Error()}
	}
	definitions, _ := doc["definitions"].(map[string]any)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource("aws.json", map[string]any{"definitions": definitions}); err != nil {
		return []string{err.Error()}
	}
	for name, resource := range resources {
		m, _ := resource.(map[string]any)
		kind, _ := m["Type"].(string)
		if _, ok := definitions[kind]; !ok {
			problems = append(problems, fmt.Sprintf("Resources/%s: type %q is none of AWS", name, kind))
			continue
		}
		s, err := c.Compile("aws.json#/definitions/" + kind)
		if err != nil {
			return []string{err.Error()}
		}
		problems = append(problems, told("Resources/"+name, s.Validate(resource))...)
	}
	return problems
}

// told flattens an error of the library: one line for each place.
func told(where string, err error) (problems []string) {
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if err != nil && !ok {
		return []string{where + ": " + err.Error()}
	}
	if !ok {
		return nil
	}
	english := message.NewPrinter(language.English)
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			problems = append(problems, where+"/"+strings.Join(e.InstanceLocation, "/")+": "+e.ErrorKind.LocalizedString(english))
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(invalid)
	slices.Sort(problems)
	return problems
}
