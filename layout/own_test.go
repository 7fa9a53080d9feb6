package layout_test

import (
	"os"
	"strconv"

	"github.com/bedplate/bedplate/layout"
)

func itoa(n int) string { return strconv.Itoa(n) }

// own makes the caller the owner of all entries.
func own(entries []layout.Entry) (all []layout.Entry) {
	uid, gid := itoa(os.Getuid()), itoa(os.Getgid())
	for _, e := range entries {
		switch v := e.(type) {
		case layout.Dir:
			v.Owner, v.Group = uid, gid
			e = v
		case layout.File:
			v.Owner, v.Group = uid, gid
			e = v
		}
		all = append(all, e)
	}
	return all
}
