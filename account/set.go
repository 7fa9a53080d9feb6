package account

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

var _ bedplate.Resource = Set{}

// Plan says what Ensure would change. Ids that are to be allocated are in it:
// they are the ones that Ensure takes, if nobody else takes them first.
func (s Set) Plan(ctx context.Context) ([]bedplate.Change, error) {
	p, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, nil
	}
	defer p.root.Close()
	all, err := p.foresee()
	if err != nil || len(all) == 0 {
		return all, err
	}
	dirs, err := p.absent()
	return append(creations(dirs), all...), err
}

// foresee is what Plan says of the accounts and their record.
func (p *planner) foresee() ([]bedplate.Change, error) {
	steps, err := p.plan()
	if err != nil || p.backend != Record && p.backend != Sysusers {
		return changes(steps), err
	}
	rec, err := p.compare(steps)
	if p.backend == Sysusers {
		rec.changes = changes(steps)
	}
	return rec.all(), err
}

// Ensure makes the accounts what they are wanted to be. Errors that can be
// matched: *ConflictError, *FieldError, ErrUnknown, ErrNoPrivilege, fs.ErrPermission.
func (s Set) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	p, err := s.look(ctx)
	if err != nil || p == nil {
		return nil, err
	}
	defer p.root.Close()
	steps, err := p.plan()
	switch {
	case err != nil:
		return nil, err
	case len(p.unmet) > 0:
		return nil, errors.Join(p.unmet...)
	}
	made, err := p.write(ctx, steps)
	return append(creations(p.created), made...), err
}

// write lets the backend do it.
func (p *planner) write(ctx context.Context, steps []step) ([]bedplate.Change, error) {
	if p.record {
		return p.writeRecord(ctx, steps)
	}
	if len(steps) == 0 {
		if stale, err := p.stale(); err != nil || !stale {
			return nil, err
		}
	}
	if os.Geteuid() != 0 && p.root.Machine() {
		return nil, fmt.Errorf("account: %s: %w; run as root", p.set.name(), ErrNoPrivilege)
	}
	if p.backend == Files && p.applets() { // nothing else keeps them apart from us
		unlock, err := p.serialize(ctx)
		if err != nil {
			return nil, err
		}
		made, err := p.writeFiles(ctx)
		return made, errors.Join(err, unlock())
	}
	if p.backend == Files {
		return p.writeFiles(ctx)
	}
	return p.runTools(ctx)
}

// look opens the root and reads it. A root that is still to be made is not there
// yet: then Plan compares with an empty one.
func (s Set) look(ctx context.Context) (*planner, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	if len(s.Users)+len(s.Groups) == 0 {
		return nil, nil
	}
	root, err := rootfs.OpenPlanned(s.Root)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	p := &planner{ctx: ctx, set: s, root: root}
	p.choose()
	if err := p.reload(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return p, nil
}

// choose settles the backend.
func (p *planner) choose() {
	p.backend = p.set.Backend
	switch {
	case p.backend != "":
	case !p.root.Machine() && os.Geteuid() != 0:
		p.backend = Record
	case !p.root.Machine():
		p.backend = Files
	default:
		p.backend = liveBackend()
	}
	p.record = p.backend == Record
	p.wide = noDirectory{}
	if p.root.Machine() {
		p.wide = wider{}
	}
}

// reload forgets what was planned, and reads the files again.
func (p *planner) reload() (err error) {
	p.db, err = load(p.root)
	if err == nil {
		p.order, err = readOrder(p.root)
	}
	p.steps, p.errs, p.unmet, p.later = nil, nil, nil, 0
	return err
}

func changes(steps []step) (all []bedplate.Change) {
	for _, s := range steps {
		all = append(all, s.change)
	}
	return all
}

func caller() int { return os.Geteuid() }

// directory is where accounts are that the files do not have.
type directory interface {
	user(ctx context.Context, name string) (passwd.User, bool, error)
	userID(ctx context.Context, uid uint32) (passwd.User, bool, error)
	group(ctx context.Context, name string) (passwd.Group, bool, error)
	groupID(ctx context.Context, gid uint32) (passwd.Group, bool, error)
}

// noDirectory is a root's: its services do not run.
type noDirectory struct{}

func (noDirectory) user(context.Context, string) (u passwd.User, ok bool, err error)     { return }
func (noDirectory) userID(context.Context, uint32) (u passwd.User, ok bool, err error)   { return }
func (noDirectory) group(context.Context, string) (g passwd.Group, ok bool, err error)   { return }
func (noDirectory) groupID(context.Context, uint32) (g passwd.Group, ok bool, err error) { return }
