package verify

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteTAP prints the report in the Test Anything Protocol, version 13. Unknown
// is "not ok", not applicable is a skip, and nothing to check is a bail-out.
func (r Report) WriteTAP(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("TAP version 13\n")
	if r.invalid != nil || len(r.Results) == 0 { // to a harness, a plan of no tests is a skip
		fmt.Fprintf(&b, "Bail out! %s\n", oneLine(r.Err().Error()))
		_, err := w.Write(b.Bytes())
		return err
	}
	fmt.Fprintf(&b, "1..%d\n", len(r.Results))
	for i, res := range r.Results {
		// A bare # would begin a directive.
		name := strings.ReplaceAll(oneLine(res.Check), "#", `\#`)
		switch res.Status {
		case Pass, Warn:
			fmt.Fprintf(&b, "ok %d - %s\n", i+1, name)
		case NotApplicable:
			fmt.Fprintf(&b, "ok %d - %s # SKIP %s\n", i+1, name, oneLine(res.Cause))
		default:
			fmt.Fprintf(&b, "not ok %d - %s\n", i+1, name)
		}
		if res.Status != Pass && res.Status != NotApplicable && len(res.BlockedBy) == 0 {
			fmt.Fprintf(&b, "# %s\n", res.Finding)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
