package layout_test

import (
	"io/fs"
	"testing/fstest"

	"github.com/bedplate/bedplate/layout"
)

// changing is a tree that is another one each time it is opened.
type changing struct {
	layout.Contents
	grow, link bool
}

// fromTest makes what a test calls contents into such.
func fromTest(c layout.Contents) layout.Contents {
	if c, ok := c.(*changing); ok {
		return layout.TreeFS(&changingFS{changing: *c})
	}
	return c
}

type changingFS struct {
	changing
	walks int
}

func (c *changingFS) tree() fstest.MapFS {
	tree := fstest.MapFS{"a": {Data: []byte("1"), Mode: 0o644}}
	if c.walks > 1 {
		switch {
		case c.grow:
			tree["b"] = &fstest.MapFile{}
		case c.link:
			tree["a"] = &fstest.MapFile{Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink}
		default:
			tree["a"].Data = []byte("2")
		}
	}
	return tree
}

func (c *changingFS) Open(name string) (fs.File, error) { return c.tree().Open(name) }

func (c *changingFS) ReadLink(name string) (string, error) { return c.tree().ReadLink(name) }

func (c *changingFS) Lstat(name string) (fs.FileInfo, error) { return c.tree().Lstat(name) }

func (c *changingFS) ReadDir(name string) ([]fs.DirEntry, error) {
	c.walks++
	return c.tree().ReadDir(name)
}
