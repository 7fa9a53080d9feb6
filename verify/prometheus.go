package verify

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WritePrometheus prints the report in the Prometheus text format, for the
// textfile collector of a node exporter (write the file with WriteFile: the
// collector must not see half of it). Of each check it gives its status, as a
// series for every status that there is, of which one is 1, and how long it
// took. Causes are no labels: there would be a new series for each.
func (r Report) WritePrometheus(w io.Writer) error {
	var b strings.Builder
	family := func(name, help string) {
		fmt.Fprintf(&b, "# HELP bedplate_verify_%s %s\n# TYPE bedplate_verify_%s gauge\n", name, help, name)
	}
	family("ok", "Whether all checks held: nothing failed and nothing is unknown.")
	fmt.Fprintf(&b, "bedplate_verify_ok %d\n", digit(r.OK()))
	family("duration_seconds", "How long the run took.")
	fmt.Fprintf(&b, "bedplate_verify_duration_seconds %s\n", number(r.Took.Seconds()))
	if !r.Began.IsZero() {
		family("last_run_timestamp_seconds", "When the run began.")
		fmt.Fprintf(&b, "bedplate_verify_last_run_timestamp_seconds %s\n", number(float64(r.Began.UnixMilli())/1000))
	}
	family("checks", "How many checks ended in a status.")
	for _, s := range statuses {
		fmt.Fprintf(&b, "bedplate_verify_checks{status=%s} %d\n", label(string(s)), r.Count(s))
	}
	if len(r.Results) > 0 && r.invalid == nil {
		family("check_status", "How a check ended: 1 for that status, 0 for the others.")
		for _, res := range r.Results {
			for _, s := range statuses {
				fmt.Fprintf(&b, "bedplate_verify_check_status{check=%s,status=%s} %d\n", label(res.Check), label(string(s)), digit(res.Status == s))
			}
		}
		family("check_duration_seconds", "How long a check looked.")
		for _, res := range r.Results {
			fmt.Fprintf(&b, "bedplate_verify_check_duration_seconds{check=%s} %s\n", label(res.Check), number(res.Took.Seconds()))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// label is a label's value as the format quotes it: backslash, quote and line feed.
func label(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\ufffd")) + `"`
}
