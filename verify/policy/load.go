package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bedplate/bedplate/verify"
	"go.yaml.in/yaml/v3"
)

// Version is what the key bedplate of a file says: the form that it is in.
const Version = "policy/1"

// maxFile is more than any policy, and less than what would be a burden.
const maxFile = 4 << 20

// Error is something wrong in a policy.
type Error struct {
	File    string
	Line    int // from 1
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("policy: %s:%d: %s", e.File, e.Line, e.Problem) }

// Load reads a policy from a file. All that is wrong with it is in the error,
// which wraps an *Error for each. A file whose name ends in .json must be JSON.
func Load(file string) ([]verify.Check, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	defer f.Close()
	return Read(file, f)
}

// Read reads a policy from r; name is the file's, for errors.
func Read(name string, r io.Reader) ([]verify.Check, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("policy: %s: %w", name, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("policy: %s: it is longer than %d bytes", name, maxFile)
	}
	l := &loader{file: name}
	if strings.EqualFold(filepath.Ext(name), ".json") {
		if err := strictJSON(text); err != nil {
			return nil, &Error{name, err.line, err.problem}
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &Error{name, 1, "it is empty; begin with bedplate: " + Version}
	case err != nil:
		return nil, l.yaml(err, 1)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Error{name, doc.Line, "it holds more than one document"}
	}
	list := l.policy(doc.Content[0])
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	return list, nil
}

type loader struct {
	file string
	root string
	errs []error
}

func (l *loader) say(line int, format string, args ...any) {
	l.errs = append(l.errs, &Error{l.file, max(line, 1), fmt.Sprintf(format, args...)})
}

// yaml gives an error of the library a place of its own: "yaml: line 3: did not
// find expected key".
func (l *loader) yaml(err error, line int) error {
	problem := strings.TrimPrefix(err.Error(), "yaml: ")
	var number int
	if n, _ := fmt.Sscanf(problem, "line %d:", &number); n == 1 {
		_, problem, _ = strings.Cut(problem, ": ")
		line = number
	}
	return &Error{l.file, line, strings.Join(strings.Fields(problem), " ")}
}

// policy reads the document.
func (l *loader) policy(n *yaml.Node) (list []verify.Check) {
	var items *yaml.Node
	version := ""
	l.mapping(n, "a policy", func(key string, k, v *yaml.Node) bool {
		switch key {
		case "bedplate":
			version = v.Value
			if version != Version {
				l.say(v.Line, "bedplate: %s is a form that is not known here; this is %s", v.Value, Version)
			}
		case "root":
			if l.scalar(v, &l.root); l.root != "" && !filepath.IsAbs(l.root) {
				l.say(v.Line, "root: %s is no absolute path", l.root)
			}
		case "checks":
			items = v
		default:
			return false
		}
		return true
	}, "bedplate", "root", "checks")
	if version == "" {
		l.say(n.Line, "it does not say what it is; begin with bedplate: %s", Version)
	}
	if items == nil || resolve(items).Kind != yaml.SequenceNode || len(resolve(items).Content) == 0 {
		l.say(n.Line, "it has no list of checks")
		return nil
	}
	lines := map[string]int{}
	for _, item := range resolve(items).Content {
		c, ok := l.check(item)
		if !ok {
			continue
		}
		alone := c
		alone.Needs = nil
		if err := verify.Validate(alone); err != nil {
			l.say(item.Line, "%s", strings.TrimPrefix(err.Error(), "verify: check 1 "))
			continue
		}
		if first, taken := lines[c.Name]; taken {
			l.say(item.Line, "the check on line %d is named %q, too; give one of them a name", first, c.Name)
		}
		lines[c.Name] = item.Line
		list = append(list, c)
	}
	// What can't be run is found now, with its line.
	for _, c := range list {
		for _, need := range c.Needs {
			if _, ok := lines[need]; !ok && len(l.errs) == 0 {
				l.say(lines[c.Name], "%q needs %q, which no check is named", c.Name, need)
			}
		}
	}
	if len(l.errs) == 0 {
		if err := verify.Validate(list...); err != nil { // a circle, which has no one line
			l.say(items.Line, "%s", strings.TrimPrefix(err.Error(), "verify: "))
		}
	}
	return list
}

type jsonError struct {
	line    int
	problem string
}

// strictJSON finds what is no JSON, by its line.
func strictJSON(text []byte) *jsonError {
	var any json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(text))
	err := dec.Decode(&any)
	at := dec.InputOffset()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case err == nil:
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the value")
	}
	at = min(max(at, 0), int64(len(text)))
	return &jsonError{1 + bytes.Count(text[:at], []byte("\n")), err.Error()}
}
