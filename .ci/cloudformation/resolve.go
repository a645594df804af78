package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// template is a template with its short forms (!Ref x) written out ({"Ref": "x"}).
type template map[string]any

func parse(text []byte) (template, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	if len(n.Content) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	v, err := value(n.Content[0])
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it is no mapping")
	}
	return m, nil
}

func (t template) section(name string) map[string]any {
	m, _ := t[name].(map[string]any)
	return m
}

// value turns a node into what JSON would hold.
func value(n *yaml.Node) (any, error) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		name := strings.TrimPrefix(n.Tag, "!")
		plain := *n
		plain.Tag = ""
		if n.Kind == yaml.ScalarNode {
			plain.Tag = "!!str"
		}
		v, err := value(&plain)
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		if text, ok := v.(string); ok && name == "Fn::GetAtt" {
			resource, attribute, _ := strings.Cut(text, ".")
			v = []any{resource, attribute}
		}
		return map[string]any{name: v}, err
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			v, err := value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			if _, twice := m[n.Content[i].Value]; twice {
				return nil, fmt.Errorf("line %d: %s is there twice", n.Content[i].Line, n.Content[i].Value)
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		all := []any{}
		for _, c := range n.Content {
			v, err := value(c)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		return all, nil
	}
	var v any
	err := n.Decode(&v)
	if i, ok := v.(int); ok {
		v = float64(i)
	}
	return v, err
}

// resolver replaces functions by values of the right kind, and notes references to nothing.
type resolver struct {
	template template
	used     map[string]bool
	problems []string
}

func (r *resolver) problem(where, format string, a ...any) {
	r.problems = append(r.problems, where+": "+fmt.Sprintf(format, a...))
}

type none struct{} // AWS::NoValue

func (r *resolver) resolve(where string, v any) any {
	switch v := v.(type) {
	case []any:
		all := []any{}
		for i, e := range v {
			if e = r.resolve(where+"/"+strconv.Itoa(i), e); e != (none{}) {
				all = append(all, e)
			}
		}
		return all
	case map[string]any:
		if len(v) == 1 {
			for name, arg := range v {
				if name == "Ref" || strings.HasPrefix(name, "Fn::") {
					return r.call(where, name, arg)
				}
			}
		}
		m := map[string]any{}
		for name, e := range v {
			r.names(where, name, e)
			if e = r.resolve(where+"/"+name, e); e != (none{}) {
				m[name] = e
			}
		}
		return m
	}
	return v
}

// names checks the attributes of a resource that name others.
func (r *resolver) names(where, attribute string, v any) {
	if strings.Count(where, "/") != 1 || !strings.HasPrefix(where, "Resources/") {
		return
	}
	var all []any
	switch x := v.(type) {
	case string:
		all = []any{x}
	case []any:
		all = x
	}
	for _, name := range all {
		text, _ := name.(string)
		if _, ok := r.template.section("Resources")[text]; attribute == "DependsOn" && !ok {
			r.problem(where, "depends on %s, which is no resource", text)
		}
		if attribute == "Condition" {
			r.condition(where, text)
		}
	}
}

var variable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

func (r *resolver) call(where, name string, arg any) any {
	list, _ := arg.([]any)
	switch name {
	case "Ref":
		return r.ref(where, fmt.Sprint(arg))
	case "Fn::GetAtt":
		if len(list) == 2 {
			r.resource(where, fmt.Sprint(list[0]))
		}
		return "attribute"
	case "Fn::Sub":
		text, ok := arg.(string)
		if !ok {
			r.problem(where, "only the short form of Sub is checked")
		}
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			if resource, _, dotted := strings.Cut(m[1], "."); dotted {
				r.resource(where, resource)
			} else {
				r.ref(where, m[1])
			}
		}
		return "text"
	case "Fn::If":
		if len(list) != 3 {
			r.problem(where, "If has %d parts, not 3", len(list))
			return none{}
		}
		r.condition(where, fmt.Sprint(list[0]))
		then, otherwise := r.resolve(where, list[1]), r.resolve(where, list[2])
		if then == (none{}) {
			return otherwise
		}
		return then
	case "Fn::Not", "Fn::Equals", "Fn::And", "Fn::Or":
		r.resolve(where, arg)
		return true
	}
	r.problem(where, "%s is not checked here", name)
	return none{}
}

func (r *resolver) ref(where, name string) any {
	if name == "AWS::NoValue" {
		return none{}
	}
	if p, ok := r.template.section("Parameters")[name].(map[string]any); ok {
		r.used[name] = true
		if p["Type"] == "Number" {
			return 1.0
		}
		return "parameter"
	}
	if !strings.HasPrefix(name, "AWS::") {
		r.resource(where, name)
	}
	return "reference"
}

func (r *resolver) resource(where, name string) {
	if _, ok := r.template.section("Resources")[name]; !ok {
		r.problem(where, "refers to %s, which the template does not have", name)
	}
}

func (r *resolver) condition(where, name string) {
	if _, ok := r.template.section("Conditions")[name]; !ok {
		r.problem(where, "asks for condition %s, which the template does not have", name)
	}
}

func (r *resolver) unused() (problems []string) {
	for name := range r.template.section("Parameters") {
		if !r.used[name] {
			problems = append(problems, "Parameters/"+name+": is not used")
		}
	}
	return problems
}
