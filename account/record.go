package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/sysusers"
)

// recordDir is where systemd-sysusers looks for what the administrator adds.
const recordDir = "/etc/sysusers.d"

const recordComment = "Accounts for systemd-sysusers(8), written by bedplate."

// record is a set's fragment: what it is, and what it is to be.
type record struct {
	path    string
	data    []byte // nil: no file is wanted
	differs bool
	changes []bedplate.Change // of the accounts that it lacked
	file    []bedplate.Change // of the file: none or one
}

func (s Set) recordPath() string { return recordDir + "/bedplate-" + s.name() + ".conf" }

// lines say what a step does in sysusers.d's terms.
func (s step) lines() []sysusers.Line {
	id := func(n uint32) string {
		if ID(n) >= firstBoot {
			return ""
		}
		return fmt.Sprint(n)
	}
	switch s.action {
	case addGroup:
		if s.own && id(s.group.GID) == "" {
			return nil // the user's line makes it
		}
		return []sysusers.Line{{Type: sysusers.Group, Name: s.group.Name, ID: id(s.group.GID)}}
	case addUser:
		u := sysusers.Line{Type: sysusers.User, Name: s.user.Name, ID: id(s.user.UID), Comment: s.user.Comment, Home: s.user.Home, Shell: s.user.Shell}
		if s.primary != s.user.Name {
			u.ID = cmp.Or(u.ID, "-") + ":" + s.primary
		}
		return append([]sysusers.Line{u}, s.memberLines()...)
	case changeUser:
		return s.memberLines()
	}
	return nil
}

func (s step) memberLines() (lines []sysusers.Line) {
	for _, g := range s.join {
		lines = append(lines, sysusers.Line{Type: sysusers.Member, Name: s.user.Name, ID: g})
	}
	return lines
}

// compare finds what the fragment lacks. What the root's files have already is
// not recorded; what they have otherwise takes privilege to correct.
func (p *planner) compare(steps []step) (record, error) {
	rec := record{path: p.set.recordPath()}
	text, old, err := p.recorded(rec.path)
	exists := text != nil
	if err != nil {
		return rec, err
	}
	lines := p.undropped(old)
	dropped := len(lines) != len(old)
	var errs []error
	for _, s := range steps {
		if !p.record && s.action != addGroup && s.action != addUser {
			continue // done in the files
		}
		if s.action == removeUser || s.action == removeGroup || s.lock || len(s.fields) > 0 {
			errs = append(errs, fmt.Errorf("account: %s %s: %s: %w; run as root to edit the root's files", s.change.Kind, s.change.Target, s.change.Detail, ErrNoPrivilege))
			continue
		}
		missing := false
		for _, l := range s.lines() {
			if slices.Contains(lines, l) {
				continue
			}
			missing = true
			// A line of the same account that says otherwise is outdated.
			lines = slices.DeleteFunc(lines, func(o sysusers.Line) bool {
				return l.Type != sysusers.Member && o.Type == l.Type && o.Name == l.Name
			})
			lines = append(lines, l)
		}
		if s.action == addGroup && s.own && len(s.lines()) == 0 {
			missing = !slices.ContainsFunc(lines, func(l sysusers.Line) bool { return l.Type == sysusers.User && l.Name == s.group.Name })
		}
		if missing {
			c := s.change
			if slices.ContainsFunc(old, func(l sysusers.Line) bool { return l.Name == c.Target && string(l.Type) == c.Kind[:1] }) {
				c.Op = bedplate.OpUpdate
			}
			rec.changes = append(rec.changes, c)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return rec, err
	}
	if rec.differs = dropped || len(rec.changes) > 0; !rec.differs {
		return rec, nil
	}
	file := bedplate.Change{Op: bedplate.OpCreate, Kind: "file", Target: rec.path, Detail: fmt.Sprintf("%d lines of sysusers.d", len(lines))}
	switch {
	case exists && len(lines) == 0:
		file.Op, file.Detail = bedplate.OpDelete, "no account is left in it"
	case exists:
		file.Op = bedplate.OpUpdate
	}
	rec.file = []bedplate.Change{file}
	switch {
	case len(lines) == 0:
	case exists:
		rec.data, err = sysusers.Edit(text, lines)
	default:
		rec.data, err = sysusers.Render(recordComment, lines)
	}
	return rec, err
}

// recorded reads the fragment: its text, nil if there is none, and its lines.
func (p *planner) recorded(path string) ([]byte, []sysusers.Line, error) {
	b, err := p.root.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("account: %w", err)
	}
	lines, err := sysusers.Parse(b)
	if err != nil {
		return nil, nil, fmt.Errorf("account: %s: %w; repair it, or remove it to have it written anew", p.root.Host(path), err)
	}
	return append([]byte{}, b...), lines, nil
}

// undropped leaves out the lines of accounts that are to go.
func (p *planner) undropped(old []sysusers.Line) []sysusers.Line {
	return slices.DeleteFunc(slices.Clone(old), func(l sysusers.Line) bool {
		user := slices.ContainsFunc(p.set.Users, func(u User) bool { return u.Absent && u.Name == l.Name })
		group := slices.ContainsFunc(p.set.Groups, func(g Group) bool { return g.Absent && g.Name == l.Name })
		switch {
		case l.Type == sysusers.Group:
			return group
		case l.Type == sysusers.Member:
			return user || slices.ContainsFunc(p.set.Groups, func(g Group) bool { return g.Absent && g.Name == l.ID })
		}
		return user
	})
}

// all is every change that writing it is.
func (r record) all() []bedplate.Change { return slices.Concat(r.changes, r.file) }

// writeRecord makes the fragment the result. It waits for others that do the
// same, and looks again behind the lock.
func (p *planner) writeRecord(ctx context.Context, steps []step) (made []bedplate.Change, err error) {
	if rec, err := p.compare(steps); err != nil || !rec.differs {
		return nil, err
	}
	if err := p.directory(recordDir); err != nil {
		return nil, err
	}
	lock, err := passwd.Acquire(ctx, p.root)
	switch {
	case err == nil:
		defer func() { err = errors.Join(err, lock.Release()) }()
	case !errors.Is(err, errors.ErrUnsupported): // images are built on other systems, too
		return nil, fmt.Errorf("account: %w", err)
	}
	if err := p.reload(); err != nil {
		return nil, err
	}
	if steps, err = p.plan(); err != nil {
		return nil, err
	}
	rec, err := p.compare(steps)
	if err == nil {
		err = p.writeFragment(rec)
	}
	if err != nil {
		return nil, err
	}
	return rec.all(), nil
}

func (p *planner) writeFragment(rec record) (err error) {
	switch {
	case !rec.differs:
		return nil
	case rec.data == nil:
		err = p.root.Remove(rec.path)
	default:
		if err := p.directory(recordDir); err != nil {
			return err
		}
		_, err = p.root.WriteFile(rec.path, rec.data, atomicfile.Options{Mode: 0o644})
	}
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	return nil
}

// stale says whether a fragment has lines of accounts that are gone, and would
// bring them back at the next boot.
func (p *planner) stale() (bool, error) {
	if p.backend != Sysusers {
		return false, nil
	}
	rec, err := p.compare(nil)
	return rec.differs, err
}
