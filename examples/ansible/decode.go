package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// decoder takes the value of the argument with this name. Its error names the
// argument and says what to give.
type decoder func(name string, raw json.RawMessage) error

func wrong(name string, raw json.RawMessage, give string) error {
	kinds := map[byte]string{'{': "an object", '[': "a list", '"': "text", 't': "a boolean", 'f': "a boolean", 'n': "null"}
	is, ok := kinds[raw[0]]
	if !ok {
		is = "a number"
	}
	return fmt.Errorf("%s is %s; give %s", name, is, give)
}

// object takes the arguments that are known, and passes over Ansible's own. Null
// is as good as not given.
func object(known map[string]decoder) decoder {
	return func(name string, raw json.RawMessage) error {
		var given map[string]json.RawMessage
		if json.Unmarshal(raw, &given) != nil {
			return wrong(name, raw, "an object of "+names(known))
		}
		var errs []error
		for _, key := range slices.Sorted(maps.Keys(given)) {
			take, ok := known[key]
			switch {
			case string(given[key]) == "null" || !ok && name == "" && strings.HasPrefix(key, "_ansible_"):
			case ok:
				errs = append(errs, take(strings.TrimPrefix(name+"."+key, "."), given[key]))
			default:
				errs = append(errs, fmt.Errorf("%.60q is no argument%s; there are %s", key, strings.TrimSuffix(" of "+name, " of "), names(known)))
			}
		}
		return errors.Join(errs...)
	}
}

func names[T any](of map[string]T) string {
	list := slices.DeleteFunc(slices.Sorted(maps.Keys(of)), func(s string) bool { return strings.HasPrefix(s, "_ansible_") })
	return strings.Join(list, ", ")
}

// list takes a list of what the decoder of one takes.
func list[T any](to *[]T, one func(*T) decoder) decoder {
	return func(name string, raw json.RawMessage) error {
		var given []json.RawMessage
		if json.Unmarshal(raw, &given) != nil {
			return wrong(name, raw, "a list")
		}
		*to = make([]T, len(given))
		var errs []error
		for i, raw := range given {
			errs = append(errs, one(&(*to)[i])(fmt.Sprintf("%s[%d]", name, i), raw))
		}
		return errors.Join(errs...)
	}
}

// variables takes an object of texts, whatever their names.
func variables(to *map[string]string) decoder {
	return func(name string, raw json.RawMessage) error {
		var given map[string]json.RawMessage
		if json.Unmarshal(raw, &given) != nil {
			return wrong(name, raw, "an object of names and values")
		}
		*to = map[string]string{}
		var errs []error
		for _, key := range slices.Sorted(maps.Keys(given)) {
			var value string
			errs = append(errs, text(&value)(fmt.Sprintf("%s[%.60q]", name, key), given[key]))
			(*to)[key] = value
		}
		return errors.Join(errs...)
	}
}

// scalar is the text of a value that has no parts. Templates make text of numbers
// and booleans, and the reverse.
func scalar(name string, raw json.RawMessage) (s string, err error) {
	switch raw[0] {
	case '{', '[', 'n':
		return "", wrong(name, raw, "text; of what a template takes apart, the filters to_json and string make that")
	case '"':
		return s, json.Unmarshal(raw, &s)
	}
	return string(raw), nil
}

// text takes no boolean: which of yes, on and true was written is lost.
func text(to *string) decoder {
	return func(name string, raw json.RawMessage) (err error) {
		if raw[0] == 't' || raw[0] == 'f' {
			return wrong(name, raw, "text, in quotes")
		}
		*to, err = scalar(name, raw)
		return err
	}
}

// parsed takes what has a meaning of its own. Empty text is as good as not given.
func parsed[T any](to *T, parse func(string) (T, error)) decoder {
	return func(name string, raw json.RawMessage) error {
		s, err := scalar(name, raw)
		if err != nil || s == "" {
			return err
		}
		v, err := parse(s)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*to = v
		return nil
	}
}

func choice[T any](to *T, of map[string]T) decoder {
	return parsed(to, func(s string) (T, error) {
		v, ok := of[s]
		if !ok {
			return v, fmt.Errorf("%.60q; give one of %s", s, names(of))
		}
		return v, nil
	})
}

// boolean reads what Ansible takes for one.
func boolean(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "yes", "on", "1", "y", "t":
		return true, nil
	case "false", "no", "off", "0", "n", "f":
		return false, nil
	}
	return false, fmt.Errorf("%.60q; give yes or no", s)
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%.60q; give a time with its unit, such as 30s or 1m30s", s)
	}
	return d, nil
}
