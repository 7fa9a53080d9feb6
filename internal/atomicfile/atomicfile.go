// Package atomicfile is the one writer of files: a reader sees the old content
// or the new, never a part, and a crash leaves one of the two.
//
// A new file is written beside its final name, given its owner and mode, synced,
// renamed, and the directory is synced. What is equal already is not written.
// The temporary name belongs to the final one and is locked while in use, so
// the remains of a killed writer are known as such and removed by the next.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// ErrIrregular is matched where the target exists and is no regular file (or,
// for SymlinkAt, no symlink): replacing it would destroy something else.
var ErrIrregular = errors.New("not a regular file")

// ErrBusy is matched where another writer of the same file does not finish.
var ErrBusy = errors.New("another process is writing it")

// Outcome says what a write did.
type Outcome int

// The outcomes.
const (
	Unchanged Outcome = iota // equal already: nothing was written
	Created                  // the file did not exist
	Updated                  // the content was replaced
	Adjusted                 // the content was equal; mode or owner were set
)

// Owner is a wanted owner. Its zero value leaves the owner alone: a new file
// gets the process's.
type Owner struct {
	uid, gid int
	set      bool
}

// Own is the owner with these ids.
func Own(uid, gid int) Owner { return Owner{uid, gid, true} }

// Options of a write.
type Options struct {
	Mode  fs.FileMode // permission bits, setuid, setgid and sticky; zero: 0644
	Owner Owner
	// Finish is the last that is done to a file of Batch.Write before it is
	// synced, and may be nil.
	Finish func(*os.File) error
}

func (o Options) mode() uint32 {
	if o.Mode == 0 {
		return 0o644
	}
	return UnixMode(o.Mode)
}

// UnixMode gives the bits of chmod(2).
func UnixMode(m fs.FileMode) uint32 {
	u := uint32(m.Perm())
	for bit, mask := range map[fs.FileMode]uint32{fs.ModeSetuid: unix.S_ISUID, fs.ModeSetgid: unix.S_ISGID, fs.ModeSticky: unix.S_ISVTX} {
		if m&bit != 0 {
			u |= mask
		}
	}
	return u
}

// WriteAt makes the file called name in dir hold data. name has no slash.
func WriteAt(dir *os.File, name string, data []byte, o Options) (Outcome, error) {
	return WriteFromAt(dir, name, bytes.NewReader(data), int64(len(data)), o)
}

// WriteFromAt is WriteAt for content of a known size that is read twice: once
// to compare, and again to write if it differs.
func WriteFromAt(dir *os.File, name string, src io.ReadSeeker, size int64, o Options) (Outcome, error) {
	outcome := Updated
	old, err := openRegular(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		outcome = Created
	case err != nil:
		return Unchanged, pathError("write", dir, name, err)
	default:
		defer old.Close()
		same, err := equal(old, src, size)
		if err != nil {
			return Unchanged, pathError("read", dir, name, err)
		}
		if same {
			return adjust(dir, name, old, o)
		}
		if _, err := src.Seek(0, io.SeekStart); err != nil {
			return Unchanged, pathError("read the new content of", dir, name, err)
		}
	}
	if err := replace(dir, name, src, size, o); err != nil {
		return Unchanged, pathError("write", dir, name, err)
	}
	return outcome, nil
}

// openRegular opens without following a link and without waiting on a FIFO.
func openRegular(dir *os.File, name string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("it is a symlink: %w", ErrIrregular)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.Join(ErrIrregular, f.Close())
	}
	return f, nil
}

// equal compares block by block, sizes first.
func equal(old *os.File, src io.Reader, size int64) (bool, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(old.Fd()), &st); err != nil {
		return false, err
	}
	if st.Size != size {
		return false, nil
	}
	block := min(size+1, 64<<10)
	a, b := make([]byte, block), make([]byte, block)
	for {
		n, errA := io.ReadFull(old, a)
		m, errB := io.ReadFull(src, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return false, nil
		}
		endA, endB := ended(errA), ended(errB)
		switch {
		case endA && endB:
			return true, nil
		case errA != nil && !endA:
			return false, errA
		case errB != nil && !endB:
			return false, errB
		case endA != endB:
			return false, nil
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// adjust sets mode and owner of a file whose content is right. With more than
// one name the inode is somebody else's too, so a copy is made instead.
func adjust(dir *os.File, name string, f *os.File, o Options) (Outcome, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Unchanged, pathError("stat", dir, name, err)
	}
	modeOK := uint32(st.Mode)&0o7777 == o.mode()
	ownerOK := !o.Owner.set || int(st.Uid) == o.Owner.uid && int(st.Gid) == o.Owner.gid
	if modeOK && ownerOK {
		return Unchanged, nil
	}
	if st.Nlink > 1 {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return Unchanged, pathError("read", dir, name, err)
		}
		if err := replace(dir, name, f, st.Size, o); err != nil {
			return Unchanged, pathError("write", dir, name, err)
		}
		return Adjusted, nil
	}
	if err := own(f, o); err != nil {
		return Unchanged, pathError("adjust", dir, name, err)
	}
	return Adjusted, nil
}

// own sets the owner first: chown(2) clears setuid and setgid.
func own(f *os.File, o Options) error {
	if o.Owner.set {
		if err := unix.Fchown(int(f.Fd()), o.Owner.uid, o.Owner.gid); err != nil {
			return fmt.Errorf("chown to %d:%d: %w", o.Owner.uid, o.Owner.gid, err)
		}
	}
	return unix.Fchmod(int(f.Fd()), o.mode())
}

func replace(dir *os.File, name string, src io.Reader, size int64, o Options) error {
	p, err := prepare(dir, name, src, size, o)
	if err != nil {
		return err
	}
	if err := p.f.Sync(); err != nil {
		return errors.Join(err, p.discard())
	}
	if err := p.publish(); err != nil {
		return err
	}
	return dir.Sync()
}

// patience bounds the wait for another writer of the same file; a file is
// written in well under a second.
const patience = 10 * time.Second

// create makes the temporary file and locks it. One that exists is another
// writer's, who is waited for, or a dead writer's: then nobody holds its lock.
// It is never reused, since somebody may hold it open for writing.
func create(dir *os.File, tmp string) (*os.File, error) {
	dirfd := int(dir.Fd())
	for deadline := time.Now().Add(patience); ; {
		fd, err := unix.Openat(dirfd, tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err == nil {
			f := os.NewFile(uintptr(fd), tmp)
			// Between creation and lock another writer may have taken it for
			// remains; then the name is gone, and this one tries again.
			if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil && named(dirfd, tmp, fd) {
				return f, nil
			}
			if err := f.Close(); err != nil {
				return nil, err
			}
			continue
		}
		if !errors.Is(err, unix.EEXIST) {
			return nil, err
		}
		if err := clear(dirfd, tmp); err == nil {
			continue
		} else if !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return nil, fmt.Errorf("temporary file %s: %w", tmp, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// clear removes a temporary file that nobody holds.
func clear(dirfd int, tmp string) error {
	fd, err := unix.Openat(dirfd, tmp, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return ErrBusy
	}
	if !named(dirfd, tmp, fd) {
		return nil
	}
	return unix.Unlinkat(dirfd, tmp, 0)
}

// named says whether name still leads to the open file.
func named(dirfd int, name string, fd int) bool {
	var a, b unix.Stat_t
	return unix.Fstat(fd, &a) == nil && unix.Fstatat(dirfd, name, &b, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		a.Dev == b.Dev && a.Ino == b.Ino
}

func pathError(op string, dir *os.File, name string, err error) error {
	return &fs.PathError{Op: op, Path: path.Join(dir.Name(), name), Err: err}
}
