package checks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// named gives the name of a check of a path: "path/etc/app/mode".
func named(group, name string, aspect ...string) string {
	return path.Join(append([]string{group, path.Join("/", name)}, aspect...)...)
}

// ofPath is a check of what lies at a path, whose last part is not followed.
// What is absent fails.
func ofPath(root, path, aspect string, look func(r *rootfs.Root, info rootfs.Info) (verify.Finding, error)) verify.Check {
	return verify.Check{Name: named("path", path, aspect), Tags: []string{Quick, "path"}, Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		info, err := r.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return verify.Finding{Status: verify.Fail, Wanted: "something at " + path, Observed: "absent", Cause: "it is not there"}
		}
		if err != nil {
			return verify.CouldNotLook(err)
		}
		return found(look(r, info))
	}}
}

// Mode holds where path exists and has exactly this type and these permission
// bits: fs.ModeDir|0o750 for a directory, 0o644 for a file. The last part of
// path is not followed.
func Mode(root, path string, mode fs.FileMode) verify.Check {
	return ofPath(root, path, "mode", func(_ *rootfs.Root, info rootfs.Info) (verify.Finding, error) {
		cause := "its permissions were changed"
		if info.Mode.Type() != mode.Type() {
			cause = "it is another kind of file"
		}
		return verify.Equal(mode.String(), info.Mode.String()).Because(cause, "chmod it, or apply the tree again"), nil
	})
}

// Owner holds where path belongs to these ids.
func Owner(root, path string, uid, gid int) verify.Check {
	return ofPath(root, path, "owner", func(_ *rootfs.Root, info rootfs.Info) (verify.Finding, error) {
		return verify.Equal(fmt.Sprintf("%d:%d", uid, gid), fmt.Sprintf("%d:%d", info.UID, info.GID)).Because("it belongs to somebody else", "chown it, or apply the tree again"), nil
	})
}

// OwnedBy holds where path belongs to this user and group, by the names in the
// root's own /etc/passwd and /etc/group.
func OwnedBy(root, path, user, group string) verify.Check {
	return ofPath(root, path, "owned by", func(r *rootfs.Root, info rootfs.Info) (verify.Finding, error) {
		db, err := readAccounts(r)
		if err != nil {
			return verify.Finding{}, err
		}
		return verify.Equal(user+":"+group, db.userName(info.UID)+":"+db.groupName(info.GID)).Because("it belongs to somebody else", "chown it, or apply the tree again"), nil
	})
}

// Link holds where path is a symbolic link with exactly this target.
func Link(root, path, target string) verify.Check {
	return ofPath(root, path, "link", func(r *rootfs.Root, info rootfs.Info) (verify.Finding, error) {
		if info.Mode.Type() != fs.ModeSymlink {
			return verify.Equal("a link to "+target, info.Mode.String()).Because("it is no link", "move it away, and apply the tree again"), nil
		}
		have, err := r.Readlink(path)
		return verify.Equal(target, have).Because("it leads elsewhere", "apply the tree again"), err
	})
}

// Content holds where path is a file with exactly this content. The finding has
// digests, not the content: it may be secret.
func Content(root, path string, content []byte) verify.Check {
	sum := sha256.Sum256(content)
	c := SHA256(root, path, hex.EncodeToString(sum[:]))
	c.Name = named("path", path, "content")
	return c
}

// SHA256 holds where path is a file whose content has this digest, in hex.
func SHA256(root, path, digest string) verify.Check {
	c := ofPath(root, path, "sha256", func(r *rootfs.Root, info rootfs.Info) (verify.Finding, error) {
		if !info.Mode.IsRegular() {
			return verify.Equal("a file", info.Mode.String()).Because("it is another kind of file", ""), nil
		}
		f, err := r.Open(path)
		if err != nil {
			return verify.Finding{}, err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return verify.Finding{}, err
		}
		return verify.Equal("sha256 "+digest, "sha256 "+hex.EncodeToString(h.Sum(nil))).
			Because(fmt.Sprintf("the content is another: %d bytes, changed %s", info.Size, info.ModTime.UTC().Format("2006-01-02 15:04:05")), "install it again"), nil
	})
	if want, err := hex.DecodeString(digest); err != nil || len(want) != sha256.Size || !bytes.Equal([]byte(digest), bytes.ToLower([]byte(digest))) {
		c.Look = func(context.Context) verify.Finding {
			return verify.CouldNotLook(fmt.Errorf("%q is no SHA-256 digest: 64 hex digits in lower case", digest))
		}
	}
	return c
}

// Absent holds where there is nothing at path, not even a broken link.
func Absent(root, path string) verify.Check {
	return verify.Check{Name: named("path", path, "absent"), Tags: []string{Quick, "path"}, Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		info, err := r.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return verify.Passed("absent")
		case err != nil:
			return verify.CouldNotLook(err)
		}
		return verify.Equal("absent", info.Mode.String()).Because("somebody made it", "find out who, and remove it")
	}}
}
