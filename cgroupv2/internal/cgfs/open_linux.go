package cgfs

import (
	"errors"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is the open hierarchy. It is not for several goroutines at once.
type Tree struct {
	dir   int
	magic int64
	dev   uint64
	walks bool // openat2 is not to be had

	// The cgroup whose files were opened last, since more of them follow as a rule.
	// Once it is removed its files are gone, whatever has its name by then.
	last   string
	lastFD int // -1: none

	// A cgroup that is the same one for as long as the hierarchy is open.
	held   string
	heldFD int // -1: none

	// Files of one cgroup that were read to see whether they are to be written.
	kept   []keptFile
	keptOf string
}

type keptFile struct {
	name string
	fd   int
}

// Open opens the hierarchy and makes sure that it is one.
func Open() (*Tree, error) { return open(Mount, unix.CGROUP2_SUPER_MAGIC) }

func open(mount string, magic int64) (*Tree, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(mount, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: mount, Err: notOurs(err)}
	}
	t := &Tree{dir: fd, magic: magic, lastFD: -1, heldFD: -1}
	var st unix.Stat_t
	if err := errors.Join(t.check(fd), unix.Fstat(fd, &st)); err != nil {
		return nil, errors.Join(&os.PathError{Op: "open", Path: mount, Err: err}, unix.Close(fd))
	}
	t.dev = st.Dev
	return t, nil
}

// Close closes the hierarchy.
func (t *Tree) Close() error {
	err := errors.Join(t.release(), t.forget(), unix.Close(t.dir))
	if t.heldFD >= 0 {
		err = errors.Join(err, unix.Close(t.heldFD))
	}
	return err
}

// Hold makes all files of a cgroup be this one's from now on, whatever has its name
// later.
func (t *Tree) Hold(rel string) error {
	fd, err := t.open(rel, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fail("open", rel, "", err)
	}
	t.held, t.heldFD = rel, fd
	return nil
}

// release closes the files that Now kept.
func (t *Tree) release() (err error) {
	for _, k := range t.kept {
		err = errors.Join(err, unix.Close(k.fd))
	}
	t.kept = t.kept[:0]
	return err
}

// keeps gives a file's descriptor, -1 if Now has not read it.
func (t *Tree) keeps(rel, file string) int {
	for _, k := range t.kept {
		if k.name == file && t.keptOf == rel {
			return k.fd
		}
	}
	return -1
}

func (t *Tree) forget() error {
	fd := t.lastFD
	if t.lastFD = -1; fd >= 0 {
		return unix.Close(fd)
	}
	return nil
}

// file opens a file of a cgroup.
func (t *Tree) file(rel, file string, flag int) (int, error) {
	held := t.heldFD >= 0 && t.held == rel
	if t.walks && !held {
		return t.open(path.Join(rel, file), flag)
	}
	dir := t.heldFD
	if !held {
		if t.lastFD < 0 || t.last != rel {
			fd, err := t.open(rel, unix.O_PATH|unix.O_DIRECTORY)
			if err != nil {
				return -1, err
			}
			if err := t.forget(); err != nil {
				return -1, errors.Join(err, unix.Close(fd))
			}
			t.last, t.lastFD = rel, fd
		}
		dir = t.lastFD
	}
	how := beneath(flag | unix.O_CLOEXEC)
	fd, err := retry(func() (int, error) { return unix.Openat2(dir, file, &how) })
	switch missing := errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM); {
	case missing && held: // by its path it might be another one by now
		fd, err = retry(func() (int, error) { return unix.Openat(dir, file, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) })
	case missing:
		return t.open(path.Join(rel, file), flag)
	}
	return fd, notOurs(err)
}

// beneath is how everything is opened: without a link, without another mount.
func beneath(flag int) unix.OpenHow {
	return unix.OpenHow{
		Flags:   uint64(flag),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
}

func (t *Tree) check(fd int) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return err
	}
	if int64(st.Type) != t.magic { //nolint:unconvert // its width differs between architectures
		return ErrNotCgroup2
	}
	return nil
}

// open opens what is below the hierarchy's directory.
func (t *Tree) open(name string, flag int) (int, error) {
	if name == "" {
		name = "."
	}
	flag |= unix.O_CLOEXEC
	if !t.walks {
		how := beneath(flag)
		fd, err := retry(func() (int, error) { return unix.Openat2(t.dir, name, &how) })
		// A kernel before 5.6, or a container's filter that does not know openat2.
		// Where EPERM was meant, the walk says so again.
		if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
			return fd, notOurs(err)
		}
		t.walks = errors.Is(err, unix.ENOSYS)
	}
	fd, err := t.walk(name, flag)
	return fd, notOurs(err)
}

// walk does what openat2 does, a directory at a time.
func (t *Tree) walk(name string, flag int) (int, error) {
	at, err := unix.FcntlInt(uintptr(t.dir), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if part == ".." {
			err = unix.EXDEV
		}
		how := unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
		if i == len(parts)-1 {
			how = flag
		}
		next := -1
		if err == nil {
			next, err = retry(func() (int, error) { return unix.Openat(at, part, how|unix.O_NOFOLLOW, 0) })
		}
		var link unix.Stat_t
		if errors.Is(err, unix.ENOTDIR) && unix.Fstatat(at, part, &link, unix.AT_SYMLINK_NOFOLLOW) == nil && link.Mode&unix.S_IFMT == unix.S_IFLNK {
			err = unix.ELOOP // as openat2 says it
		}
		err = errors.Join(err, unix.Close(at))
		if err != nil {
			return -1, err
		}
		var st unix.Stat_t
		if err = unix.Fstat(next, &st); err == nil && st.Dev != t.dev {
			err = unix.EXDEV
		}
		if err != nil {
			return -1, errors.Join(err, unix.Close(next))
		}
		at = next
	}
	return at, nil
}

// notOurs adds what the kernel's number means here: a link, another mount.
func notOurs(err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) {
		return errors.Join(ErrNotCgroup2, err)
	}
	return err
}

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR { //nolint:errorlint // as the call gave it
			return n, err
		}
	}
}
