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
	top         newfile.Dir
	plain, exec permissions
	directory   permissions
	above       directories // of the one that is made

	mu    sync.Mutex
	files []hashedFile
	total int64
	dirs  map[string]bool // by the one goroutine that reads the archive
	names map[string]bool // of files, likewise
}

func newTree(root *os.Root) (*tree, error) {
	top, err := newfile.Top(root)
	if err != nil {
		return nil, err
	}
	return &tree{
		root: root, top: top, above: directories{top: top},
		plain: permissions{perm: 0o644}, exec: permissions{perm: 0o755}, directory: permissions{perm: 0o755},
		dirs: map[string]bool{".": true}, names: map[string]bool{},
	}, nil
}

// close ends the writing; the root stays open.
func (t *tree) close() error { return errors.Join(t.above.close(), t.top.Close()) }

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
	dir, err := t.above.of(name)
	if err != nil {
		return err
	}
	base := path.Base(name)
	if err := dir.Mkdir(base, t.directory.perm); err != nil {
		return err
	}
	if err := set(&t.directory, dir.Entry(base)); err != nil {
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

// writer makes files, one at a time; each goroutine has its own.
type writer struct {
	t   *tree
	h   hash.Hash
	sum []byte
	f   newfile.File
}

func (t *tree) writer() *writer {
	return &writer{t: t, h: sha256.New(), sum: make([]byte, 0, sha256.Size)}
}

// begin makes a file, which must not exist, in the open directory that holds it.
func (w *writer) begin(dir newfile.Dir, name string, exec bool) (err error) {
	w.h.Reset()
	w.f, err = newfile.Create(dir, path.Base(name), w.t.permissions(exec).perm)
	return err
}

// Write adds to the file.
func (w *writer) Write(b []byte) (int, error) {
	w.h.Write(b)
	return w.f.Write(b)
}

// end closes the file and remembers its hash. err is what went wrong since begin.
func (w *writer) end(name string, exec bool, size int64, err error) error {
	if err == nil {
		err = set(w.t.permissions(exec), w.f)
	}
	if size > buffered { // few files, and most of the bytes
		w.f.StartWriting()
	}
	if closeErr := w.f.Close(); err != nil || closeErr != nil {
		return errors.Join(err, closeErr)
	}
	w.sum = w.h.Sum(w.sum[:0])
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], w.sum)
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.files = append(w.t.files, hashedFile{name, string(text[:]), size, exec})
	return nil
}

func (t *tree) permissions(exec bool) *permissions {
	if exec {
		return &t.exec
	}
	return &t.plain
}

// copy writes a file's content, through block, and counts it.
func (w *writer) copy(name string, size int64, content io.Reader, block []byte) error {
	for n := int64(0); ; {
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
}

// permissions says whether files come out with the mode that they are made
// with: others run this SDK, whatever the umask. That or a default ACL can be in
// the way; it is so for all files of a kind in a tree, or for none.
type permissions struct {
	perm          fs.FileMode
	asked, masked atomic.Bool
}

func set[F interface {
	Perm() (fs.FileMode, error)
	Chmod(fs.FileMode) error
}](p *permissions, f F) error {
	if !p.asked.Load() {
		got, err := f.Perm()
		if err != nil {
			return err
		}
		p.masked.Store(got != p.perm)
		p.asked.Store(true)
	}
	if p.masked.Load() {
		return f.Chmod(p.perm)
	}
	return nil
}

// directories keeps the last directory open: an archive's files come directory
// by directory.
type directories struct {
	top  newfile.Dir
	name string
	dir  newfile.Dir
	open bool
}

// of opens the directory that holds a file.
func (d *directories) of(file string) (newfile.Dir, error) {
	name := path.Dir(file)
	if d.open && d.name == name {
		return d.dir, nil
	}
	if err := d.close(); err != nil {
		return newfile.Dir{}, err
	}
	dir, err := d.top.Open(name)
	if err != nil {
		return dir, err
	}
	d.name, d.dir, d.open = name, dir, true
	return dir, nil
}

func (d *directories) close() error {
	if !d.open {
		return nil
	}
	d.open = false
	return d.dir.Close()
}
