package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/verify"
)

// Release holds where a release is current and every file of it is as its
// manifest has it. id "" is any.
func Release(releases layout.Releases, id string) verify.Check {
	return verify.Check{Name: named("release", releases.Dir), Tags: []string{Deep, "path"}, Look: func(ctx context.Context) verify.Finding {
		all, err := releases.List()
		if err != nil {
			return verify.CouldNotLook(err)
		}
		i := slices.IndexFunc(all, func(r layout.Release) bool { return r.Current })
		if i < 0 {
			return verify.Finding{Status: verify.Fail, Wanted: "a current release", Observed: "none", Cause: fmt.Sprintf("%d releases, none of them current", len(all)), Remedy: "activate one"}
		}
		if id != "" && all[i].ID != id {
			return verify.Equal(id, all[i].ID).Because("another release is current", "activate the wanted one")
		}
		if err := releases.Verify(ctx, all[i].ID); err != nil {
			if ctx.Err() != nil || errors.Is(err, fs.ErrPermission) {
				return verify.CouldNotLook(err)
			}
			return verify.Finding{Status: verify.Fail, Wanted: "every file as in the manifest", Observed: all[i].ID, Cause: err.Error(), Remedy: "stage it again, or roll back"}
		}
		return verify.Passed(all[i].ID)
	}}
}
