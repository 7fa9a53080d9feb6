package account

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// ranges are the ids that belong to the system and to people, from
// login.defs(5).
type ranges struct {
	systemMin, systemMax ID // where new accounts are allocated
	peopleMin, peopleMax ID
}

// idKind is what differs between users and groups.
type idKind struct{ kind, field, defs string }

var (
	userIDs  = idKind{"user", "UID", "UID"}
	groupIDs = idKind{"group", "GID", "GID"}
)

func readRanges(root *rootfs.Root, k idKind) (ranges, error) {
	b, err := root.ReadFile("/etc/login.defs")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ranges{}, fmt.Errorf("account: %w", err)
	}
	value := func(key string, otherwise ID) ID {
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) >= 2 && f[0] == key {
				if n, err := strconv.ParseUint(f[1], 0, 32); err == nil { // shadow takes octal and hexadecimal, too
					otherwise = ID(n)
				}
			}
		}
		return otherwise
	}
	r := ranges{peopleMin: value(k.defs+"_MIN", 1000), peopleMax: value(k.defs+"_MAX", 60000)}
	r.systemMin = value("SYS_"+k.defs+"_MIN", 101)
	r.systemMax = value("SYS_"+k.defs+"_MAX", max(r.peopleMin, 1)-1)
	return r, nil
}

// fits says whether an id may be asked for.
func (r ranges) fits(id ID) bool { return id > 0 && id <= r.systemMax }

// adoptable says whether an existing id is a system account's. Above people's
// there are more of the system's (Debian Policy 9.2.2), but not those that stand
// for nobody and for none.
func (r ranges) adoptable(id ID) bool {
	return id != 0 && (id < r.peopleMin || id > r.peopleMax) && id != 65534 && id != 65535 && id != 1<<32-1
}

// lent says whether an id is one that systemd lends to a running unit with
// DynamicUser= (https://systemd.io/UIDS-GIDS): it goes when the unit stops.
func lent(id uint32) bool { return id >= 61184 && id <= 65519 }

func (r ranges) String() string { return fmt.Sprintf("1 to %d", r.systemMax) }

// firstBoot and what is above it stand for ids that the first boot allocates.
// No account has such an id: useradd and systemd-sysusers stop far below.
const firstBoot ID = 1 << 31

// number describes an id.
func number(id ID) string {
	if id >= firstBoot {
		return "allocated"
	}
	return strconv.FormatUint(uint64(id), 10)
}

// allocate finds an id that neither a user nor a group has, from the top down as
// useradd and systemd-sysusers do: a user and its group get the same.
func (p *planner) allocate(k idKind, r ranges, prefer ID) (ID, error) {
	if p.record {
		p.later++
		return firstBoot + ID(p.later), nil
	}
	if prefer != 0 && r.fits(prefer) && !p.fixed[k][prefer] {
		if owner, err := p.owner(k, prefer); err != nil || owner == "" {
			return prefer, err
		}
	}
	for id := r.systemMax; id >= r.systemMin && id > 0; id-- {
		if p.taken[id] {
			continue
		}
		p.taken[id] = true // by whoever has it, or now
		if p.fixed[userIDs][id] || p.fixed[groupIDs][id] {
			continue
		}
		user, err := p.owner(userIDs, id)
		if err != nil {
			return 0, err
		}
		group, err := p.owner(groupIDs, id)
		if err != nil {
			return 0, err
		}
		if user == "" && group == "" {
			return id, nil
		}
	}
	return 0, fmt.Errorf("account: %s ids: none is free from %d to %d; widen SYS_%s_MIN and SYS_%[4]s_MAX in /etc/login.defs, or remove unused accounts", k.kind, r.systemMin, r.systemMax, k.defs)
}

// owner is who has an id: "" for nobody.
func (p *planner) owner(k idKind, id ID) (string, error) {
	if k == userIDs {
		if u, ok := p.db.users().UserID(uint32(id)); ok {
			return u.Name, nil
		}
		u, ok, err := p.wide.userID(p.ctx, uint32(id))
		if err == nil && ok {
			err = p.changed(passwd.UserFile, u.Name)
		}
		return u.Name, err
	}
	if g, ok := p.db.groups().GroupID(uint32(id)); ok {
		return g.Name, nil
	}
	g, ok, err := p.wide.groupID(p.ctx, uint32(id))
	if err == nil && ok {
		err = p.changed(passwd.GroupFile, g.Name)
	}
	return g.Name, err
}
