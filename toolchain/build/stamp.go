package build

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// file is known by its digest; the stamp spares reading it. One that is not
// there, and would matter if it were, has no digest.
type file struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	stamp
}

// stamp is what changes when a file's content does. The time of the last change
// of the inode can't be set back, as a modification time can.
type stamp struct {
	Size    int64  `json:"size"`
	Inode   uint64 `json:"inode"`
	Modify  int64  `json:"mtime_ns"`
	Changed int64  `json:"ctime_ns"`
}

// settled is how old a change must be for a further one to get another time:
// longer than a tick of any kernel's clock.
const settled = 20 * time.Millisecond

func outputStamp(i rootfs.Info) stamp {
	return stamp{i.Size, i.Ino, i.ModTime.UnixNano(), i.ChangeTime.UnixNano()}
}

// record reads a file. What changed a moment ago gets no stamp: it could change
// again without the stamp showing it, and is read each time instead.
func record(name string) (file, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return file{Path: name}, nil
	}
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return file{}, err
	}
	now := time.Now()
	sum, err := digest(f)
	r := file{Path: name, SHA256: sum, stamp: stampOf(info)}
	if now.Sub(time.Unix(0, r.Changed)) < settled {
		r.stamp = stamp{}
	}
	return r, err
}

// reason says how the file differs from what was recorded; "" if it does not.
func (f file) reason() (string, error) {
	info, err := os.Stat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if f.SHA256 == "" {
			return "", nil
		}
		return f.Path + " is gone", nil
	case err != nil:
		return "", err
	case f.SHA256 == "":
		return f.Path + " came", nil
	case f.stamp == stampOf(info):
		return "", nil
	}
	now, err := record(f.Path)
	if err != nil || now.SHA256 == f.SHA256 {
		return "", err
	}
	return f.Path + " changed", nil
}

func digest(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}
