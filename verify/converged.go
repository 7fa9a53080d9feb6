package verify

import (
	"context"
	"fmt"
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
	var lines []string
	for _, c := range changes[:min(shown, len(changes))] {
		lines = append(lines, c.String())
	}
	if more := len(changes) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}
