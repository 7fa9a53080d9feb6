package layout

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// owners finds the ids of users and groups, each once.
type owners struct {
	users, groups map[string]id
}

type id struct {
	number int
	ok     bool
}

// resolve finds the ids of all owners. Those who do not exist yet are pending.
func (r *run) resolve() error {
	if r.record != nil {
		return nil
	}
	var errs []error
	for i := range r.items {
		it := &r.items[i]
		if it.dir == nil && it.file == nil || it.owner == "root" && it.group == "root" && it.extras == nil {
			continue
		}
		user, err := r.lookup(&r.owners.users, it.owner, userID)
		errs = append(errs, err)
		group, err := r.lookup(&r.owners.groups, it.group, groupID)
		errs = append(errs, err)
		it.uid, it.gid = user.number, group.number
		switch {
		case !user.ok:
			it.pending, it.unowned = "user "+it.owner, true
		case !group.ok:
			it.pending, it.unowned = "group "+it.group, true
		}
		if it.extras != nil {
			errs = append(errs, r.resolveGrants(it))
		}
	}
	return errors.Join(errs...)
}

func (r *run) lookup(known *map[string]id, name string, find func(*run, string) (id, error)) (id, error) {
	if name == "root" {
		return id{0, true}, nil
	}
	if found, ok := (*known)[name]; ok {
		return found, nil
	}
	found := id{}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		found = id{int(n), true}
	} else if r.walk != nil {
		if found, err = find(r, name); err != nil {
			return id{}, fmt.Errorf("layout: looking for %q: %w", name, err)
		}
	}
	if *known == nil {
		*known = map[string]id{}
	}
	(*known)[name] = found
	return found, nil
}

// implicit is a directory that is made because an entry is in it. It is root's,
// or the caller's where only that can be.
func (r *run) implicit(p string) *item {
	it := &item{path: p, dir: &Dir{Path: p}}
	if r.record == nil && r.uid != 0 {
		it.uid, it.gid = r.uid, os.Getegid()
		it.dir.Owner, it.dir.Group = strconv.Itoa(it.uid), strconv.Itoa(it.gid)
	}
	it.fill()
	return it
}

// unmet says why the changes that were planned can't be made.
func (r *run) unmet() error {
	var errs []error
	groups, err := os.Getgroups()
	if err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	groups = append(groups, os.Getegid())
	for i := range r.items {
		it := &r.items[i]
		switch {
		case !it.differs || it.dir == nil && it.file == nil || r.record != nil:
		case it.pending != "":
			errs = append(errs, &EntryError{it.path, fmt.Errorf("%s: %w; create it first (account.Set), or set Owners to RecordOwners", it.pending, ErrUnknownOwner)})
		case r.uid != 0 && (it.uid != r.uid || !slices.Contains(groups, it.gid)):
			errs = append(errs, &EntryError{it.path, fmt.Errorf("owner %s:%s: %w; run as root, or under a Root set Owners to RecordOwners", it.owner, it.group, ErrNoPrivilege)})
		}
	}
	return errors.Join(errs...)
}
