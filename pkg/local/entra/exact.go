package entra

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// exact returns an error if a property in the JSON body is not written exactly as v's type has it; encoding/json takes any
// case.
func exact(body []byte, v any) error {
	var raw any
	if err := json.Unmarshal(body, &raw); err != nil {
		return err
	}
	return exactly(raw, reflect.TypeOf(v))
}

func exactly(raw any, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch raw := raw.(type) {
	case []any:
		for _, it := range raw {
			if t.Kind() != reflect.Slice {
				return nil // the decoder has refused it
			}
			if err := exactly(it, t.Elem()); err != nil {
				return err
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return nil
		}
		for key, value := range raw {
			f, known := fieldOf(t, key)
			if !known {
				return fmt.Errorf("unknown field %q", key)
			}
			if err := exactly(value, f.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

// fieldOf returns the field that JSON calls name.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}
