package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bedplate/bedplate/toolchain/internal/newfile"
)

// Bounds of an SDK; the largest so far has 16,000 files and 900 MB.
const (
	maxFiles = 100_000
	maxFile  = 512 << 20
	maxTree  = 3 << 30
	maxPath  = 1000 // bytes of a name; the longest so far has 113
	maxDepth = 32
)

// hashedFile is a line of the receipt.
type hashedFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Exec   bool   `json:"exec,omitempty"`
}

// tree writes an archive's files into a staged root and remembers their hashes.
// Several goroutines may write files; directories are made by one.
type tree struct {
	root        *os.Root
	plain, exec permissions

	mu    sync.Mutex
	files []hashedFile
	total int64
	dirs  map[string]bool // by the one goroutine that reads the archive
	names map[string]bool // of files, likewise
}

func newTree(root *os.Root) *tree {
	return &tree{root: root, dirs: map[string]bool{".": true}, names: map[string]bool{}}
}

// entryName checks an archive's name and takes the prefix off; "" is the prefix
// itself. Nothing but plain relative paths below the prefix comes through.
func entryName(name, prefix string) (string, error) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		if name+"/" == prefix {
			return "", nil
		}
		return "", fmt.Errorf("entry %q does not lie below %q", name, prefix)
	}
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		return "", nil
	}
	if len(rest) > maxPath || strings.Count(rest, "/") > maxDepth {
		return "", fmt.Errorf("entry %.60q… lies too deep, or its name is too long", name)
	}
	if rest == "." || !fs.ValidPath(rest) || strings.ContainsAny(rest, "\\\x00") || strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("entry %q is no plain path", name)
	}
	return rest, nil
}

// mkdir makes a directory and those above it.
func (t *tree) mkdir(name string) error {
	if t.dirs[name] {
		return nil
	}
	if t.names[name] {
		return fmt.Errorf("%s is a file and a directory", name)
	}
	if err := t.mkdir(path.Dir(name)); err != nil {
		return err
	}
	if len(t.names)+len(t.dirs) >= maxFiles {
		return fmt.Errorf("the archive has more than %d files and directories", maxFiles)
	}
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	// Whatever the umask: others run this SDK.
	if err := t.root.Chmod(name, 0o755); err != nil {
		return err
	}
	t.dirs[name] = true
	return nil
}

// reserve checks the bounds before anything of a file is written.
func (t *tree) reserve(name string, size int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += max(0, size)
	switch {
	case t.dirs[name]:
		return fmt.Errorf("%s is a directory and a file", name)
	case t.names[name]:
		return fmt.Errorf("%s is there twice", name)
	case size < 0 || size > maxFile:
		return fmt.Errorf("%s has %d bytes; no file of an SDK has more than %d", name, size, maxFile)
	case t.total > maxTree:
		return fmt.Errorf("the archive unpacks to more than %d bytes", int64(maxTree))
	case len(t.names)+len(t.dirs) >= maxFiles:
		return fmt.Errorf("the archive has more than %d files and directories", maxFiles)
	}
	t.names[name] = true
	return nil
}

// write makes one file, which must not exist, and hashes it. dir is the open
// directory that holds it, so that its parents are looked up once; block is
// room for content.
func (t *tree) write(dir *os.File, name string, exec bool, size int64, content io.Reader, block []byte) error {
	return t.put(dir, name, exec, size, func(w io.Writer) error {
		n := int64(0)
		for {
			got, err := io.ReadFull(content, block)
			if n += int64(got); n > size { // nothing of it is of use
				return fmt.Errorf("%s has more than the %d bytes that the archive's header says", name, size)
			}
			if _, err := w.Write(block[:got]); err != nil {
				return err
			}
			switch {
			case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
				if n != size {
					return fmt.Errorf("%s has not the %d bytes that the archive's header says: %w", name, size, io.ErrUnexpectedEOF)
				}
				return nil
			case err != nil:
				return err
			}
		}
	})
}

// put makes one file of what fill writes.
func (t *tree) put(dir *os.File, name string, exec bool, size int64, fill func(io.Writer) error) error {
	perm, known := fs.FileMode(0o644), &t.plain
	if exec {
		perm, known = 0o755, &t.exec
	}
	f, err := newfile.Create(dir, path.Base(name), perm)
	if err != nil {
		return err
	}
	h := sha256.New()
	err = fill(both{f, h})
	if err == nil {
		err = known.set(perm, f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files = append(t.files, hashedFile{name, hex.EncodeToString(h.Sum(nil)), size, exec})
	return nil
}

// both is io.MultiWriter without its allocation.
type both struct {
	f newfile.File
	h hash.Hash
}

func (b both) Write(p []byte) (int, error) {
	b.h.Write(p)
	return b.f.Write(p)
}

// permissions says whether files come out with the mode that they are made
// with. The umask or a default ACL can be in the way of that; it is so for all
// files of a kind in a tree, or for none.
type permissions struct{ asked, masked atomic.Bool }

func (p *permissions) set(perm fs.FileMode, f interface {
	Perm() (fs.FileMode, error)
	Chmod(fs.FileMode) error
}) error {
	if !p.asked.Load() {
		got, err := f.Perm()
		if err != nil {
			return err
		}
		p.masked.Store(got != perm)
		p.asked.Store(true)
	}
	if p.masked.Load() {
		return f.Chmod(perm)
	}
	return nil
}

// directories keeps the last directory open: an archive's files come directory
// by directory.
type directories struct {
	root *os.Root
	name string
	dir  *os.File
}

func (d *directories) of(file string) (*os.File, error) {
	name := path.Dir(file)
	if d.dir != nil && d.name == name {
		return d.dir, nil
	}
	d.close()
	dir, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	d.name, d.dir = name, dir
	return dir, nil
}

func (d *directories) close() {
	if d.dir != nil {
		// Opened for lookups only: there is nothing to lose.
		_ = d.dir.Close()
		d.dir = nil
	}
}
