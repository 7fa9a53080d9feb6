package layout

import (
	"errors"
	"io/fs"

	"github.com/bedplate/bedplate/internal/passwd"
)

// userID and groupID look in the root's own files. A root without them has no
// accounts yet.
func userID(r *run, name string) (id, error) {
	u, ok, err := passwd.LookupUser(r.walk.root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return id{}, nil
	}
	return id{int(u.UID), ok}, err
}

func groupID(r *run, name string) (id, error) {
	g, ok, err := passwd.LookupGroup(r.walk.root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return id{}, nil
	}
	return id{int(g.GID), ok}, err
}
