package checks

import (
	"context"
	"path"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// GoVersion holds where the tree at goroot says that it is this version
// ("go1.26.8"), as the go command itself reads it: the first line of its
// VERSION file. goroot may be a link, such as /usr/local/go.
func GoVersion(root, goroot, version string) verify.Check {
	return verify.Check{Name: "go/version", Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		text, err := r.ReadFile(path.Join(goroot, "VERSION"))
		if err != nil {
			return verify.CouldNotLook(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		return verify.Equal(version, first).Because(r.Host(goroot)+" holds another version", "install and use the wanted one")
	}}
}
