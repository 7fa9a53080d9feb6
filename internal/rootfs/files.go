package rootfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// ReadFile reads a whole file.
func (r *Root) ReadFile(name string) ([]byte, error) {
	// Nobody is waited for: what is to be a file may be a fifo in somebody's image.
	f, err := r.OpenFile(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch info, err := StatFile(f); {
	case err != nil:
		return nil, err
	case !info.Mode.IsRegular() && !info.Mode.IsDir() && info.Rdev != null:
		return nil, r.pathError("read", name, errors.New("it is neither a file nor /dev/null"))
	}
	return io.ReadAll(f)
}

// null is the device to which a link masks a file.
var null = unix.Mkdev(1, 3)

// ReadDir lists a directory, sorted by name.
func (r *Root) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := r.OpenDir(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Readlink reads a symlink's text.
func (r *Root) Readlink(name string) (string, error) {
	dir, base, err := r.Parent(name)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	target, err := atomicfile.Readlinkat(dir, base)
	if err != nil {
		return "", r.pathError("readlink", name, err)
	}
	return target, nil
}

// WriteFile makes a file hold data, atomically; its directory must exist.
func (r *Root) WriteFile(name string, data []byte, o atomicfile.Options) (atomicfile.Outcome, error) {
	dir, base, err := r.Parent(name)
	if err != nil {
		return atomicfile.Unchanged, err
	}
	defer dir.Close()
	return atomicfile.WriteAt(dir, base, data, o)
}

// Symlink makes name a link to target, atomically.
func (r *Root) Symlink(target, name string) (atomicfile.Outcome, error) {
	dir, base, err := r.Parent(name)
	if err != nil {
		return atomicfile.Unchanged, err
	}
	defer dir.Close()
	return atomicfile.SymlinkAt(dir, target, base)
}

// Mkdir makes one directory, with exactly these permission bits whatever the
// umask. One that exists is fs.ErrExist.
func (r *Root) Mkdir(name string, perm fs.FileMode) error {
	dir, base, err := r.Parent(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return r.mkdirAt(dir, base, name, perm)
}

func (r *Root) mkdirAt(dir *os.File, base, name string, perm fs.FileMode) error {
	// Made without access for others first: between the two calls nobody can
	// slip something in that a wider mode would have let in.
	if err := unix.Mkdirat(int(dir.Fd()), base, 0o700); err != nil {
		return r.pathError("mkdir", name, err)
	}
	fd, err := unix.Openat(int(dir.Fd()), base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return r.pathError("mkdir", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Fchmod(fd, atomicfile.UnixMode(perm)); err != nil {
		return r.pathError("chmod", name, err)
	}
	return nil
}

// MkdirAll makes a directory and those above it that are missing, and returns
// the ones that it made, outermost first. Existing ones are left as they are.
func (r *Root) MkdirAll(name string, perm fs.FileMode) (created []string, err error) {
	var missing []string
	at := path.Join("/", name)
	for at != "/" {
		switch info, err := r.Stat(at); {
		case err == nil && !info.Mode.IsDir():
			return nil, r.pathError("mkdir", at, unix.ENOTDIR)
		case err == nil:
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, at)
			at = path.Dir(at)
			continue
		default:
			return nil, err
		}
		break
	}
	for _, dir := range slices.Backward(missing) {
		err := r.Mkdir(dir, perm)
		if errors.Is(err, fs.ErrExist) {
			// Another process made it meanwhile; a dangling link is still an error below it.
			if info, statErr := r.Stat(dir); statErr == nil && info.Mode.IsDir() {
				continue
			}
		}
		if err != nil {
			return created, err
		}
		created = append(created, dir)
	}
	return created, nil
}

// Remove removes a file, a link, or an empty directory.
func (r *Root) Remove(name string) error {
	dir, base, err := r.Parent(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = unix.Unlinkat(int(dir.Fd()), base, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) { // EPERM: POSIX's answer, as on darwin
		if dirErr := unix.Unlinkat(int(dir.Fd()), base, unix.AT_REMOVEDIR); !errors.Is(dirErr, unix.ENOTDIR) {
			err = dirErr
		}
	}
	if err != nil {
		return r.pathError("remove", name, err)
	}
	return nil
}
