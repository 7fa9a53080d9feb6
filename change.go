package bedplate

import (
	"context"
	"strings"
)

// Op says what a Change does to its target.
type Op string

// The operations. Enabling a unit is the creation of a symlink; reloading,
// starting and restarting are runs.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpDelete Op = "delete"
	OpRun    Op = "run"
)

// Change is one difference between the machine and what is wanted, or one step
// taken to close it. Two changes are the same if they are equal with ==, so a
// plan can be compared with what was done.
type Change struct {
	// Step is the name of the step that the change belongs to. Plan and Apply
	// set it; a Resource leaves it empty.
	Step string `json:"step,omitempty"`
	// Op is what is done to Target.
	Op Op `json:"op"`
	// Kind is what Target is: "file", "symlink", "directory", "user", "group",
	// "unit", "cgroup", "process", ...
	Kind string `json:"kind"`
	// Target is an absolute path, as seen inside the Root if there is one, or a
	// name such as "app.service".
	Target string `json:"target"`
	// Detail is one line, from → to. It never holds a secret.
	Detail string `json:"detail,omitempty"`
	// Pending names what must exist first ("user app"), where Plan could not
	// look further. The change that Ensure then makes has it empty.
	Pending string `json:"pending,omitempty"`
}

// String gives the change on one line, as a person would read it in a plan.
func (c Change) String() string {
	var b strings.Builder
	if c.Step != "" {
		b.WriteString(c.Step + ": ")
	}
	b.WriteString(string(c.Op) + " " + c.Kind + " " + c.Target)
	if c.Detail != "" {
		b.WriteString(": " + c.Detail)
	}
	if c.Pending != "" {
		b.WriteString(" (after " + c.Pending + ")")
	}
	return b.String()
}

// Resource is a piece of wanted state: a plain value that can say what differs,
// and make it so.
type Resource interface {
	// Plan reads only. It returns what Ensure would change, in the order in
	// which Ensure would; nothing means that the machine is as wanted. What
	// can't be looked at because an earlier change must come first is a pending
	// change, not an error.
	Plan(context.Context) ([]Change, error)

	// Ensure makes it so, and returns the changes that it made, together with
	// an error where it could not make them all. A second call returns none.
	Ensure(context.Context) ([]Change, error)
}
