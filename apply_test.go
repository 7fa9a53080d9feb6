package bedplate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/bedplate/bedplate"
	"github.com/stretchr/testify/require"
)

// number is a resource that wants a variable to hold a value, or to fail.
type number struct {
	at   *int
	want int
	err  error
}

func (n number) Plan(context.Context) ([]bedplate.Change, error) {
	if *n.at == n.want {
		return nil, n.err
	}
	return []bedplate.Change{{Op: bedplate.OpUpdate, Kind: "number", Target: "n", Detail: fmt.Sprintf("%d → %d", *n.at, n.want)}}, n.err
}

func (n number) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	changes, err := n.Plan(ctx)
	*n.at = n.want
	return changes, err
}

func TestPlanThenApply(t *testing.T) {
	var a, b int
	steps := []bedplate.Step{{Name: "first", Resource: number{&a, 1, nil}}, {Name: "second", Resource: number{&b, 2, nil}}}
	planned, err := bedplate.Plan(t.Context(), steps...)
	require.NoError(t, err)
	require.Equal(t, []string{"first: update number n: 0 → 1", "second: update number n: 0 → 2"}, lines(planned))
	require.Zero(t, a+b, "a plan changes nothing")

	made, err := bedplate.Apply(t.Context(), steps...)
	require.NoError(t, err)
	require.Equal(t, planned, made)
	made, err = bedplate.Apply(t.Context(), steps...)
	require.NoError(t, err)
	require.Empty(t, made)
}

// follower has something to do where an earlier step has.
type follower struct{}

func (follower) Plan(ctx context.Context) (all []bedplate.Change, err error) {
	for _, c := range bedplate.Planned(ctx) {
		all = append(all, bedplate.Change{Op: bedplate.OpRun, Kind: "follower", Target: c.Target, Detail: "after " + c.Step})
	}
	return all, nil
}

func (f follower) Ensure(ctx context.Context) ([]bedplate.Change, error) { return f.Plan(ctx) }

func TestPlanned(t *testing.T) {
	var a int
	steps := []bedplate.Step{{Name: "zeroth", Resource: follower{}}, {Name: "first", Resource: number{&a, 1, nil}}, {Name: "second", Resource: follower{}}}
	planned, err := bedplate.Plan(t.Context(), steps...)
	require.NoError(t, err)
	require.Equal(t, []string{"first: update number n: 0 → 1", "second: run follower n: after first"}, lines(planned))
	made, err := bedplate.Apply(t.Context(), steps...)
	require.NoError(t, err)
	require.Equal(t, []string{"first: update number n: 0 → 1"}, lines(made), "what was done can be looked at")
	alone, err := follower{}.Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, alone)
}

func TestApplyReturnsWhatWasDoneBeforeTheError(t *testing.T) {
	var a, b, c int
	disk := errors.New("disk full")
	made, err := bedplate.Apply(t.Context(),
		bedplate.Step{Name: "first", Resource: number{&a, 1, nil}},
		bedplate.Step{Name: "second", Resource: number{&b, 2, disk}},
		bedplate.Step{Name: "third", Resource: number{&c, 3, nil}})
	require.ErrorIs(t, err, disk)
	require.EqualError(t, err, "second: disk full")
	require.Equal(t, []string{"first: update number n: 0 → 1", "second: update number n: 0 → 2"}, lines(made))
	require.Zero(t, c, "the step after the error is not begun")

	_, err = bedplate.Plan(t.Context(), bedplate.Step{Name: "account", Resource: number{&a, 2, errors.New("account: no such group")}})
	require.EqualError(t, err, "account: no such group")
}

func TestApplyStopsBetweenSteps(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var a int
	made, err := bedplate.Apply(ctx, bedplate.Step{Name: "first", Resource: number{&a, 1, nil}})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, made)
	require.Zero(t, a)
}

func TestStepWithoutResource(t *testing.T) {
	var a int
	_, err := bedplate.Apply(t.Context(), bedplate.Step{Name: "first", Resource: number{&a, 1, nil}}, bedplate.Step{Name: "empty"})
	require.ErrorContains(t, err, `step 2 ("empty") has no resource`)
	require.Zero(t, a, "everything is validated before anything is done")
}

func lines(changes []bedplate.Change) (out []string) {
	for _, c := range changes {
		out = append(out, c.String())
	}
	return out
}

func ExampleChange_String() {
	fmt.Println(bedplate.Change{Step: "tree", Op: bedplate.OpUpdate, Kind: "file", Target: "/etc/app/app.conf", Detail: "mode 0600 → 0640", Pending: "group app"})
	// Output: tree: update file /etc/app/app.conf: mode 0600 → 0640 (after group app)
}

// dirs is a resource that makes directories that are missing.
type dirs struct {
	have  map[string]bool
	names []string
}

func (f dirs) Plan(context.Context) (changes []bedplate.Change, _ error) {
	for _, n := range f.names {
		if !f.have[n] {
			changes = append(changes, bedplate.Change{Op: bedplate.OpCreate, Kind: "directory", Target: n})
		}
	}
	return changes, nil
}

func (f dirs) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	changes, err := f.Plan(ctx)
	for _, c := range changes {
		f.have[c.Target] = true
	}
	return changes, err
}

func TestPlanNamesADirectoryOnce(t *testing.T) {
	have := map[string]bool{}
	steps := []bedplate.Step{{Name: "first", Resource: dirs{have, []string{"/opt", "/opt/a"}}}, {Name: "second", Resource: dirs{have, []string{"/opt", "/opt/b"}}}}
	planned, err := bedplate.Plan(t.Context(), steps...)
	require.NoError(t, err)
	require.Equal(t, []string{"first: create directory /opt", "first: create directory /opt/a", "second: create directory /opt/b"}, lines(planned))
	made, err := bedplate.Apply(t.Context(), steps...)
	require.NoError(t, err)
	require.Equal(t, planned, made)
}
