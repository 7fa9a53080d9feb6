package transaction

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/xattr"
)

// image is what was in a place before.
type image struct {
	Path       string            `json:"path"`
	Kind       string            `json:"kind"` // "file", "symlink", "directory", or "" where nothing was
	Mode       fs.FileMode       `json:"mode,omitempty"`
	UID        int               `json:"uid,omitempty"`
	GID        int               `json:"gid,omitempty"`
	Target     string            `json:"target,omitempty"`  // of a symlink
	Content    string            `json:"content,omitempty"` // where a file's is kept
	Attributes map[string][]byte `json:"attributes,omitempty"`
}

func (i image) check() error {
	switch {
	case !strings.HasPrefix(i.Path, "/") || path.Clean(i.Path) != i.Path || i.Path == "/" && i.Kind != "directory" && i.Kind != "":
		return fmt.Errorf("%q is no place of an image", i.Path)
	case i.Kind != "" && i.Kind != "file" && i.Kind != "symlink" && i.Kind != "directory":
		return fmt.Errorf("%s: a %q is no image", i.Path, i.Kind)
	case (i.Kind == "file") != (i.Content != "") || strings.Contains(i.Content, "/") || i.Content != "" && !strings.HasPrefix(i.Content, imagePrefix):
		return fmt.Errorf("%s: %q is no place of content", i.Path, i.Content)
	}
	return nil
}

const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// capture keeps what is in a change's place.
func (j *journal) capture(c bedplate.Change) (image, error) {
	fail := func(err error) (image, error) { return image{}, fmt.Errorf("transaction: %s: %w", c, err) }
	i := image{Path: path.Clean(c.Target)}
	if i.Path == "/" { // the root itself, which is made if missing
		return image{}, &IrreversibleError{c, "the root is to be made; make it first"}
	}
	dir, base, err := j.root.Parent(i.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return i, nil
	}
	if err != nil {
		return fail(err)
	}
	defer dir.Close()
	info, err := rootfs.LstatAt(dir, base)
	if errors.Is(err, fs.ErrNotExist) {
		return i, nil
	}
	if err != nil {
		return fail(err)
	}
	i.Mode, i.UID, i.GID = info.Mode&modeBits, info.UID, info.GID
	switch {
	case info.Mode.Type() == fs.ModeSymlink:
		i.Kind, i.Mode = "symlink", 0
		if i.Target, err = atomicfile.Readlinkat(dir, base); err != nil {
			return fail(err)
		}
		return i, nil
	case info.Mode.IsRegular():
		if info.Nlink > 1 {
			return image{}, &IrreversibleError{c, "the file has several names, which would not be one file again"}
		}
		i.Kind = "file"
	case info.Mode.IsDir():
		i.Kind = "directory"
	default:
		return image{}, &IrreversibleError{c, "what is there is no file, symlink or directory"}
	}
	f, err := rootfs.OpenAt(dir, base, map[bool]int{true: syscall.O_DIRECTORY}[i.Kind == "directory"])
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	if i.Attributes, err = read(f); err != nil {
		return fail(err)
	}
	if i.Kind == "directory" {
		if names, _ := f.Readdirnames(1); c.Op == bedplate.OpDelete && len(names) > 0 {
			return image{}, &IrreversibleError{c, "a directory with something in it would be removed; do it after the transaction"}
		}
		return i, nil
	}
	if i.Content, err = j.keep(f, info.Size); err != nil {
		return fail(err)
	}
	return i, nil
}

// read gives all attributes; access control lists are among them.
func read(f *os.File) (map[string][]byte, error) {
	names, err := xattr.List(f)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all map[string][]byte
	for _, name := range names {
		value, ok, err := xattr.Get(f, name)
		if err != nil {
			return nil, err
		}
		if ok {
			if all == nil {
				all = map[string][]byte{}
			}
			all[name] = value
		}
	}
	return all, nil
}
