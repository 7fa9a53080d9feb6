package unit

import (
	"bytes"
	"errors"
)

// lenient reads somebody else's file as systemd does: a line that makes no sense
// is passed over.
func lenient(name string, text []byte) *File {
	lines := bytes.SplitAfter(bytes.Clone(text), []byte("\n"))
	for {
		f, err := parse(name, bytes.Join(lines, nil))
		if err == nil {
			return f
		}
		removed := false
		for _, bad := range badLines(err) {
			if bad <= len(lines) && len(lines[bad-1]) > 1 {
				lines[bad-1], removed = []byte("\n"), true
			}
		}
		if !removed {
			return &File{Name: name}
		}
	}
}

func badLines(err error) (lines []int) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			lines = append(lines, badLines(e)...)
		}
		return lines
	}
	var pe *ParseError
	if errors.As(err, &pe) {
		lines = append(lines, pe.Line)
	}
	return lines
}
