package bedplate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Step is a Resource with a name, for reports and errors.
type Step struct {
	// Name is how plans, errors and journals call the step.
	Name string
	Resource
}

// Plan asks each step in order what it would change. Steps are planned against
// the machine as it is now: what waits for an earlier step's change is pending,
// and a directory that several steps find missing is the first one's to make. A
// resource that reacts to what others change sees that by Planned. On an error it
// returns the changes planned so far with it, and the error names the step; what it
// wraps can be matched.
func Plan(ctx context.Context, steps ...Step) ([]Change, error) {
	all, err := each(ctx, steps, func(r Resource, before []Change) ([]Change, error) {
		return r.Plan(context.WithValue(ctx, planned{}, slices.Clone(before)))
	})
	return once(all), err
}

type planned struct{}

// Planned is for the Plan of a Resource that will have more to do once the steps
// before it are taken: a service whose configuration they replace is restarted.
// It gives what those steps plan, and nothing where a Resource is planned alone.
func Planned(ctx context.Context) []Change {
	before, _ := ctx.Value(planned{}).([]Change)
	return before
}

// once drops the directories that an earlier step makes. Without that a plan of
// several steps for an empty root would promise more than Apply does.
func once(all []Change) []Change {
	made := map[string]bool{}
	return slices.DeleteFunc(all, func(c Change) bool {
		if c.Op != OpCreate || c.Kind != "directory" {
			return false
		}
		again := made[c.Target]
		made[c.Target] = true
		return again
	})
}

// Apply ensures each step in order and stops at the first error. It always
// returns the changes that were made, those before an error included, and
// reverts none of them: package transaction does.
func Apply(ctx context.Context, steps ...Step) ([]Change, error) {
	return each(ctx, steps, func(r Resource, _ []Change) ([]Change, error) { return r.Ensure(ctx) })
}

func each(ctx context.Context, steps []Step, do func(r Resource, before []Change) ([]Change, error)) ([]Change, error) {
	for i, s := range steps {
		if s.Resource == nil {
			return nil, fmt.Errorf("bedplate: step %d (%q) has no resource; set Step.Resource", i+1, s.Name)
		}
	}
	var all []Change
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return all, fmt.Errorf("%s: not begun: %w", s.Name, err)
		}
		changes, err := do(s.Resource, all)
		for _, c := range changes {
			c.Step = s.Name
			all = append(all, c)
		}
		switch {
		case err == nil:
		case strings.HasPrefix(err.Error(), s.Name+": "): // a step that is called as its package is
			return all, err
		default:
			return all, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return all, nil
}
