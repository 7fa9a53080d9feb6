package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// Info is what the kernel says of one file, with what fs.FileInfo leaves to a
// cast.
type Info struct {
	Mode       fs.FileMode
	UID, GID   int
	Nlink      uint64
	Size       int64
	Dev, Ino   uint64
	Rdev       uint64
	ModTime    time.Time
	ChangeTime time.Time
}

// Same says whether both are one file.
func (i Info) Same(j Info) bool { return i.Dev == j.Dev && i.Ino == j.Ino }

// Lstat describes what name is, without following its last part.
func (r *Root) Lstat(name string) (Info, error) {
	if clean(name) == "." {
		return r.Stat(name)
	}
	dir, base, err := r.Parent(name)
	if err != nil {
		return Info{}, err
	}
	defer dir.Close()
	return LstatAt(dir, base)
}

// Stat describes the file that name leads to.
func (r *Root) Stat(name string) (Info, error) {
	fd, err := r.lookup(clean(name), statFlags|unix.O_CLOEXEC, 0)
	if err != nil {
		return Info{}, r.pathError("stat", name, err)
	}
	f := os.NewFile(uintptr(fd), r.Host(name))
	defer f.Close()
	return StatFile(f)
}

// Exists says whether name leads to something; a link to nowhere does not.
func (r *Root) Exists(name string) (bool, error) {
	_, err := r.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}

// LstatAt describes an entry of an open directory.
func LstatAt(dir *os.File, name string) (Info, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Info{}, &fs.PathError{Op: "lstat", Path: path.Join(dir.Name(), name), Err: err}
	}
	return info(&st), nil
}

// StatFile describes an open file.
func StatFile(f *os.File) (Info, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return info(&st), nil
}

func info(st *unix.Stat_t) Info {
	return Info{
		Mode: fileMode(uint32(st.Mode)), UID: int(st.Uid), GID: int(st.Gid),
		Nlink: uint64(st.Nlink), Size: st.Size, Dev: uint64(st.Dev), Ino: st.Ino, Rdev: uint64(st.Rdev),
		ModTime: modTime(st), ChangeTime: changeTime(st),
	}
}

func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	}
	if m&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}
