package verify

import (
	"fmt"
	"io"
	"strings"
)

// Nagios is the exit status of a monitoring plugin for the report: 0 OK, 1
// WARNING, 2 CRITICAL (something failed), 3 UNKNOWN (something could not be
// looked at, or nothing was).
func (r Report) Nagios() int {
	switch {
	case r.Count(Fail) > 0:
		return 2
	case r.Err() != nil:
		return 3
	case r.Count(Warn) > 0:
		return 1
	}
	return 0
}

var nagiosWords = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// WriteNagios prints the report as the output of a monitoring plugin: a status
// line with performance data, and a line for each check that is not as wanted.
// service is the word that the line begins with. The command then exits with
// Nagios.
func (r Report) WriteNagios(w io.Writer, service string) error {
	var b strings.Builder
	// A bar would begin performance data.
	clean := func(s string) string { return strings.ReplaceAll(oneLine(s), "|", "¦") }
	fmt.Fprintf(&b, "%s %s - %s", clean(service), nagiosWords[r.Nagios()], clean(r.summary()))
	var rest []string
	for _, res := range r.Results {
		if res.Status != Pass && res.Status != NotApplicable && len(res.BlockedBy) == 0 {
			rest = append(rest, clean(res.Check+": "+res.Finding.String()))
		}
	}
	if len(rest) > 0 {
		b.WriteString(": " + rest[0])
	}
	fmt.Fprintf(&b, " | time=%ss;;;0", seconds(r.Took.Seconds()))
	for _, s := range statuses {
		fmt.Fprintf(&b, " %s=%d;;;0", strings.ReplaceAll(string(s), " ", "_"), r.Count(s))
	}
	b.WriteByte('\n')
	if len(rest) > 1 {
		b.WriteString(strings.Join(rest[1:], "\n") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
