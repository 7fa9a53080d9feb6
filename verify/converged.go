package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
)

// Converged is the check that a resource is as wanted: its Plan is empty. It
// fails with the first changes that Plan would make, and is unknown where Plan
// could not look.
func Converged(name string, r bedplate.Resource) Check {
	return Check{Name: name, Look: func(ctx context.Context) Finding {
		changes, err := r.Plan(ctx)
		if err != nil {
			return CouldNotLook(err)
		}
		if len(changes) == 0 {
			return Passed("as wanted")
		}
		return Finding{
			Status: Fail, Wanted: "no change", Observed: fmt.Sprintf("%d to make", len(changes)),
			Cause: list(changes), Remedy: "apply it again, and find out who changed it",
		}
	}}
}

// shown is how many changes a finding lists; a person reads the plan for more.
const shown = 5

func list(changes []bedplate.Change) string {
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = c.String()
	}
	return some(lines)
}

// some joins the first few of a list.
func some(list []string) string {
	if more := len(list) - shown; more > 0 {
		list = append(slices.Clone(list[:shown]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, "; ")
}
