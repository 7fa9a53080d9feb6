package account

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// Entry is a user as a lookup finds it.
type Entry struct {
	Name     string
	UID, GID ID
	Comment  string
	Home     string
	Shell    string
}

// GroupEntry is a group as a lookup finds it.
type GroupEntry struct {
	Name    string
	GID     ID
	Members []string
}

// Lookup finds a user: in the root's files, and on this machine ("") where they
// have no answer through systemd's userdb or getent(1), which ask whatever
// nsswitch.conf(5) names. Where that file does not have the files first, or goes
// on behind them, userdb or getent is asked first. It needs no cgo. The error can
// be matched with ErrUnknown.
func Lookup(ctx context.Context, root, name string) (Entry, error) {
	p, err := reader(ctx, root)
	if err != nil {
		return Entry{}, err
	}
	defer p.root.Close()
	u, _, found := p.findUser(name)
	if !found {
		return Entry{}, p.unknown("user", name)
	}
	return Entry{u.Name, ID(u.UID), ID(u.GID), u.Comment, u.Home, u.Shell}, nil
}

// LookupGroup finds a group as Lookup finds a user.
func LookupGroup(ctx context.Context, root, name string) (GroupEntry, error) {
	p, err := reader(ctx, root)
	if err != nil {
		return GroupEntry{}, err
	}
	defer p.root.Close()
	g, _, found := p.findGroup(name)
	if !found {
		return GroupEntry{}, p.unknown("group", name)
	}
	return GroupEntry{g.Name, ID(g.GID), g.Members}, nil
}

// unknown says that nobody knows a name, if all could be asked.
func (p *planner) unknown(kind, name string) error {
	if len(p.errs) > 0 {
		return errors.Join(p.errs...)
	}
	return fmt.Errorf("account: %s %q: %w", kind, name, ErrUnknown)
}

func reader(ctx context.Context, root string) (*planner, error) {
	r, err := rootfs.Open(root)
	if err != nil {
		return nil, fmt.Errorf("account: root: %w", err)
	}
	p := &planner{ctx: ctx, root: r, wide: noDirectory{}, reads: true}
	if r.Machine() {
		p.wide = wider{}
	}
	if err := p.reload(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return p, nil
}

// wider asks systemd's userdb where it runs, and else what services there are
// (systemd's own for DynamicUser= is one) and getent. userdb has a service for
// NSS, so that its answer, also "no", is enough.
//
// It remembers who is not there. That is right for as long as a plan is made and
// carried out: what is added to the files meanwhile is found in them.
type wider map[string]bool

func (w wider) user(ctx context.Context, name string) (passwd.User, bool, error) {
	return ask(ctx, w, "passwd", name, (*passwd.Table).User, userQuery{UserName: name}, userRecord.user)
}

func (w wider) userID(ctx context.Context, uid uint32) (passwd.User, bool, error) {
	return ask(ctx, w, "passwd", uid, (*passwd.Table).UserID, userQuery{UID: &uid}, userRecord.user)
}

func (w wider) group(ctx context.Context, name string) (passwd.Group, bool, error) {
	return ask(ctx, w, "group", name, (*passwd.Table).Group, groupQuery{GroupName: name}, groupRecord.group)
}

func (w wider) groupID(ctx context.Context, gid uint32) (passwd.Group, bool, error) {
	return ask(ctx, w, "group", gid, (*passwd.Table).GroupID, groupQuery{GID: &gid}, groupRecord.group)
}

func ask[K string | uint32, T, R any](ctx context.Context, w wider, database string, key K, in func(*passwd.Table, K) (T, bool), q query, entry func(R) T) (v T, found bool, err error) {
	known := fmt.Sprint(database, " ", key)
	if w[known] {
		return v, false, nil
	}
	v, found, err = askAll(ctx, database, key, in, q, entry)
	w[known] = err == nil && !found
	return v, found, err
}

func askAll[K string | uint32, T, R any](ctx context.Context, database string, key K, in func(*passwd.Table, K) (T, bool), q query, entry func(R) T) (none T, found bool, err error) {
	for _, socket := range userdbServices(userdbDir) {
		var rec R
		switch found, err := userdb(ctx, socket, q, &rec); {
		case errors.Is(err, errNoUserdb): // the socket of a service that stopped, for one
		case err != nil:
			return none, false, err
		case found:
			return entry(rec), true, nil
		case path.Base(socket) == multiplexer:
			return none, false, nil
		}
	}
	t, err := getent(ctx, database, fmt.Sprint(key))
	if err != nil || t == nil {
		return none, false, err
	}
	v, ok := in(t, key)
	return v, ok, nil
}
