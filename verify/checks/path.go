package checks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// Mode holds where path exists and has exactly this type and these permission
// bits: fs.ModeDir|0o750 for a directory, 0o644 for a file. The last part of
// path is not followed.
func Mode(root, path string, mode fs.FileMode) verify.Check {
	return verify.Check{Name: "path/" + path + "/mode", Look: func(context.Context) verify.Finding {
		info, err := lstat(root, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return verify.Equal(mode.String(), "absent")
		case err != nil:
			return verify.CouldNotLook(err)
		}
		return verify.Equal(mode.String(), info.Mode.String())
	}}
}

// Owner holds where path belongs to these ids.
func Owner(root, path string, uid, gid int) verify.Check {
	return verify.Check{Name: "path/" + path + "/owner", Look: func(context.Context) verify.Finding {
		info, err := lstat(root, path)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return verify.Equal(fmt.Sprintf("%d:%d", uid, gid), fmt.Sprintf("%d:%d", info.UID, info.GID))
	}}
}

func lstat(root, path string) (rootfs.Info, error) {
	r, err := rootfs.Open(root)
	if err != nil {
		return rootfs.Info{}, err
	}
	defer r.Close()
	return r.Lstat(path)
}
