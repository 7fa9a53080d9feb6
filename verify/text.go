package verify

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// TextOptions say how a report is printed for a person.
type TextOptions struct {
	// Colour marks each status with its colour. It is for terminals:
	// TextOptions{Colour: Terminal(os.Stdout)}.
	Colour bool
	// Quiet leaves out what passed and what does not apply.
	Quiet bool
}

var marks = map[Status]struct{ label, colour string }{
	Pass:          {"ok", "\x1b[32m"},
	Fail:          {"FAIL", "\x1b[31m"},
	Warn:          {"warn", "\x1b[33m"},
	Unknown:       {"UNKNOWN", "\x1b[35m"},
	NotApplicable: {"n/a", "\x1b[2m"},
}

// Terminal says whether w is a terminal, and no file or pipe.
func Terminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// WriteText prints one line a check in aligned columns, causes and remedies
// below it, and a summary. Checks that were not asked have no line of their
// own: the one that kept them from it names them.
func (r Report) WriteText(w io.Writer, o TextOptions) error {
	var b bytes.Buffer
	width := 0
	waiting := map[string][]string{}
	for _, res := range r.Results {
		for _, by := range res.BlockedBy {
			waiting[by] = append(waiting[by], oneLine(res.Check))
		}
		if len(res.BlockedBy) > 0 {
			continue
		}
		width = max(width, utf8.RuneCountInString(oneLine(res.Check)))
	}
	for _, res := range r.Results {
		if o.Quiet && (res.Status == Pass || res.Status == NotApplicable) || len(res.BlockedBy) > 0 {
			continue
		}
		name, mark := oneLine(res.Check), marks[res.Status]
		label := fmt.Sprintf("%-7s", mark.label)
		if o.Colour {
			label = mark.colour + label + "\x1b[0m"
		}
		line := label + "  " + name + strings.Repeat(" ", width-utf8.RuneCountInString(name)) + "  " + values(res.Finding)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		indent := strings.Repeat(" ", 7+2+width+2)
		if res.Cause != "" {
			b.WriteString(indent + oneLine(res.Cause) + "\n")
		}
		if res.Remedy != "" {
			b.WriteString(indent + "→ " + oneLine(res.Remedy) + "\n")
		}
		if names := waiting[res.Check]; len(names) > 0 {
			b.WriteString(indent + "not asked because of it: " + some(names) + "\n")
		}
	}
	fmt.Fprintf(&b, "%s in %v\n", r.summary(), r.Took.Round(100*time.Microsecond))
	_, err := w.Write(b.Bytes())
	return err
}

func values(f Finding) string {
	switch {
	case f.Status == Pass || f.Wanted == "" || f.Wanted == f.Observed:
		return oneLine(f.Observed)
	default:
		return oneLine(fmt.Sprintf("wanted %s, found %s", f.Wanted, orNothing(f.Observed)))
	}
}
