package cgfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenDir opens a cgroup's directory.
func (t *Tree) OpenDir(rel string) (*os.File, error) {
	fd, err := t.open(rel, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, fail("open", rel, "", err)
	}
	return os.NewFile(uintptr(fd), Host(rel)), nil
}

// OpenFile opens a file for reading, and for writing where that is allowed.
func (t *Tree) OpenFile(rel, file string) (*os.File, error) {
	fd, err := t.open(path.Join(rel, file), unix.O_RDWR)
	if errors.Is(err, unix.EACCES) {
		fd, err = t.open(path.Join(rel, file), unix.O_RDONLY)
	}
	if err != nil {
		return nil, fail("open", rel, file, err)
	}
	return os.NewFile(uintptr(fd), path.Join(Host(rel), file)), nil
}

// Writable says whether the caller may write a file.
func (t *Tree) Writable(rel, file string) bool {
	fd, err := t.open(path.Join(rel, file), unix.O_WRONLY)
	return err == nil && unix.Close(fd) == nil
}

// Mode is a file's permissions.
func (t *Tree) Mode(rel, file string) (fs.FileMode, error) {
	fd, err := t.open(path.Join(rel, file), unix.O_PATH)
	if err != nil {
		return 0, fail("open", rel, file, err)
	}
	var st unix.Stat_t
	err = errors.Join(unix.Fstat(fd, &st), unix.Close(fd))
	return fs.FileMode(st.Mode).Perm(), fail("stat", rel, file, err)
}

// Read reads a file whole, without the newline at its end.
func (t *Tree) Read(rel, file string) (string, error) {
	fd, err := t.file(rel, file, unix.O_RDONLY)
	if err != nil {
		return "", fail("open", rel, file, err)
	}
	b, err := readAll(fd, make([]byte, 0, 4096), single(file))
	err = errors.Join(err, unix.Close(fd))
	return strings.TrimSuffix(string(b), "\n"), fail("read", rel, file, err)
}

// single says whether the kernel writes a file in one go, so that a read that is
// shorter than the buffer was the last.
func single(file string) bool { return file != "cgroup.procs" && file != "cgroup.threads" }

// Write writes a value in one write(2), as the kernel wants it.
func (t *Tree) Write(rel, file, value string) error {
	fd, err := t.file(rel, file, unix.O_WRONLY)
	if err != nil {
		return fail("open", rel, file, err)
	}
	_, err = retry(func() (int, error) { return unix.Write(fd, []byte(value)) })
	return fail("write", rel, file, errors.Join(err, unix.Close(fd)))
}

// Now is Read for a file of a limit, which stays open until another cgroup's is
// asked for: an Exchange then writes to what was read, and not to what has its name
// meanwhile.
func (t *Tree) Now(rel, file string) (string, error) {
	if t.keptOf != rel {
		if err := t.release(); err != nil {
			return "", fail("close", rel, file, err)
		}
		t.keptOf = rel
	}
	fd := t.keeps(rel, file)
	if fd < 0 {
		var err error
		fd, err = t.file(rel, file, unix.O_RDWR)
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS) {
			fd, err = t.file(rel, file, unix.O_RDONLY)
		}
		if err != nil {
			return "", fail("open", rel, file, err)
		}
		t.kept = append(t.kept, keptFile{file, fd})
	}
	text, err := readFrom(fd)
	return text, fail("read", rel, file, err)
}

// readFrom reads a file that the kernel writes in one go, from its beginning.
func readFrom(fd int) (string, error) {
	var few [512]byte
	for b := few[:]; ; b = make([]byte, 8*len(b)) {
		n, err := retry(func() (int, error) { return unix.Pread(fd, b, 0) })
		if err != nil {
			return "", err
		}
		if n < len(b) {
			return strings.TrimSuffix(string(b[:n]), "\n"), nil
		}
	}
}

// Exchange writes a value and reads what has become of it, whole as Read does. It
// is an error of op "read" if that failed, with the value written.
func (t *Tree) Exchange(rel, file, value string) (text string, err error) {
	fd := t.keeps(rel, file)
	if fd >= 0 {
		_, err = retry(func() (int, error) { return unix.Write(fd, []byte(value)) })
	}
	if fd < 0 || errors.Is(err, unix.EBADF) { // not read before, or not ours to write
		if fd, err = t.file(rel, file, unix.O_RDWR); err != nil {
			return "", fail("open", rel, file, err)
		}
		defer func() { err = errors.Join(err, unix.Close(fd)) }()
		_, err = retry(func() (int, error) { return unix.Write(fd, []byte(value)) })
	}
	if err != nil {
		return "", fail("write", rel, file, err)
	}
	text, err = readFrom(fd)
	return text, fail("read", rel, file, err)
}

// Mkdir makes a cgroup. One that is there is left as it is.
func (t *Tree) Mkdir(rel string) error {
	err := t.within(rel, func(dir int, name string) error { return unix.Mkdirat(dir, name, 0o755) })
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return fail("mkdir", rel, "", err)
}

// Rmdir removes a cgroup that has neither processes nor cgroups.
func (t *Tree) Rmdir(rel string) error {
	return fail("rmdir", rel, "", t.within(rel, func(dir int, name string) error {
		return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	}))
}

// within does something to a name in the directory above it.
func (t *Tree) within(rel string, do func(dir int, name string) error) error {
	if rel == "" {
		return unix.EBUSY // the mount itself
	}
	dir, err := t.open(Parent(rel), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	return errors.Join(do(dir, path.Base(rel)), unix.Close(dir))
}

// Children lists the cgroups directly below one, sorted.
func (t *Tree) Children(rel string) (names []string, err error) {
	d, err := t.OpenDir(rel)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// Exists says whether a cgroup is there.
func (t *Tree) Exists(rel string) (bool, error) {
	fd, err := t.open(rel, unix.O_PATH|unix.O_DIRECTORY)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fail("open", rel, "", err)
	}
	return true, unix.Close(fd)
}

// Delegated says whether systemd gave the cgroup away: it marks such a one with
// an extended attribute. trusted.delegate is for root to see; user.delegate is
// what a later systemd adds, and all that a user's manager can set (measured:
// 247 has the first alone, 252 and 257 have both).
func (t *Tree) Delegated(rel string) (bool, error) {
	d, err := t.open(rel, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false, fail("open", rel, "", err)
	}
	defer func() { _ = unix.Close(d) }() // it was only looked at
	value := make([]byte, 8)
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		n, err := unix.Fgetxattr(d, name, value)
		switch {
		case err == nil:
			if string(value[:n]) == "1" {
				return true, nil
			}
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPERM), errors.Is(err, unix.ERANGE):
		default:
			return false, fail("getxattr "+name, rel, "", err)
		}
	}
	return false, nil
}
