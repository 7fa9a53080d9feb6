package account

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/passwd"
)

// fileModes are those of files that we make; an existing one keeps its own.
// Debian's shadow files are the group shadow's, whose id a fresh root can't know.
var fileModes = map[string]os.FileMode{
	passwd.UserFile: 0o644, passwd.GroupFile: 0o644, passwd.ShadowFile: 0o600, passwd.GroupShadowFile: 0o600,
	passwd.SubUIDFile: 0o644, passwd.SubGIDFile: 0o644,
}

// writeFiles edits the files. What was planned without the lock may be outdated:
// it is planned again behind it.
func (p *planner) writeFiles(ctx context.Context) (made []bedplate.Change, err error) {
	if err := p.directory("/etc"); err != nil {
		return nil, err
	}
	defer func() {
		if n := len(p.created); err != nil && n > 0 && p.root.Remove("/etc") == nil { // only if nothing is in it
			p.created = p.created[:n-1]
		}
	}()
	lock, err := passwd.Acquire(ctx, p.root, "passwd", "group", "shadow", "gshadow", "subuid", "subgid")
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	defer func() {
		if e := lock.Release(); e != nil {
			err = errors.Join(err, fmt.Errorf("account: %w", e))
		}
	}()
	if p.applets() { // they know nothing of this lock
		if err := passwd.WaitApplets(ctx, p.root); err != nil {
			return nil, fmt.Errorf("account: %w", err)
		}
	}
	if err := p.reload(); err != nil {
		return nil, err
	}
	before, err := load(p.root)
	if err != nil {
		return nil, err
	}
	steps, err := p.plan()
	if err = errors.Join(err, errors.Join(p.unmet...)); err != nil || len(steps) == 0 {
		return nil, err
	}
	if p.db.hidden != nil {
		return nil, fmt.Errorf("account: %w: %w; run as root", ErrNoPrivilege, p.db.hidden)
	}
	if err := p.publish(before); err != nil {
		return nil, err
	}
	return changes(steps), nil
}

// publish replaces the files that differ: all are written and synced under other
// names before the first gets its own, so a full disk changes nothing.
func (p *planner) publish(before *database) (err error) {
	dir, err := p.root.OpenDir("/etc")
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	var batch atomicfile.Batch
	for _, file := range files {
		data := p.db.tables[file].Bytes()
		if !p.db.exists[file] || bytes.Equal(data, before.tables[file].Bytes()) {
			continue
		}
		if err := p.prepare(&batch, dir, file, data); err != nil {
			return errors.Join(fmt.Errorf("account: %w", err), batch.Discard())
		}
	}
	if _, err := batch.Publish(); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	if err := atomicfile.Sync(dir); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	return nil
}

func (p *planner) prepare(batch *atomicfile.Batch, dir *os.File, file string, data []byte) error {
	o := atomicfile.Options{Mode: fileModes[file]}
	info, err := p.root.Lstat(file)
	switch {
	case err == nil && !info.Mode.IsRegular():
		return fmt.Errorf("%s: %w; replace it by a file", p.root.Host(file), atomicfile.ErrIrregular)
	case err == nil:
		o = atomicfile.Options{Mode: info.Mode.Perm(), Owner: atomicfile.Own(info.UID, info.GID)}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	return batch.Write(dir, file[len("/etc/"):], bytes.NewReader(data), int64(len(data)), o)
}
