package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// labelAttribute is where a security module keeps a file's context (selinux(8)).
const labelAttribute = "security.selinux"

// keepLabel gives the new file the context of the one that it replaces: what an
// administrator set with chcon(1) is not the policy's default for the name.
func keepLabel(old, new *os.File) error {
	var label [4096]byte
	n, err := unix.Fgetxattr(int(old.Fd()), labelAttribute, label[:])
	if absent(err) || n == 0 && err == nil {
		return nil
	}
	if err != nil {
		return err
	}
	var have [4096]byte
	if m, err := unix.Fgetxattr(int(new.Fd()), labelAttribute, have[:]); err == nil && string(have[:m]) == string(label[:n]) {
		return nil
	}
	return unix.Fsetxattr(int(new.Fd()), labelAttribute, label[:n], 0)
}

func absent(err error) bool {
	return errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP)
}
