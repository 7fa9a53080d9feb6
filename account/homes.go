package account

import (
	"fmt"
	"slices"
)

// noHome is where an account without a home has it; the first is what we write.
var noHome = []string{"/nonexistent", "/"}

// noLogin are shells that let nobody in, in the order of preference.
var noLogin = []string{"/usr/sbin/nologin", "/sbin/nologin", "/bin/false"}

// homeFree says whether a home is nobody else's.
func (p *planner) homeFree(want User, uid ID) bool {
	if want.Home == "" || slices.Contains(noHome, want.Home) {
		return true
	}
	for o := range p.db.users().Users() {
		if o.Home == want.Home && o.Name != want.Name {
			p.conflict("user", want.Name, "home", want.Home+" of user "+o.Name, want.Home, "choose another")
			return false
		}
	}
	info, err := p.root.Stat(want.Home)
	switch {
	case err != nil: // nothing there, or not for us to see
		return true
	case !info.Mode.IsDir():
		p.conflict("user", want.Name, "home", want.Home+", which is no directory", want.Home, "choose another, or move it away")
		return false
	case info.UID == 0 || info.UID == int(uid) || !p.root.Machine() && info.UID == caller():
		return true
	}
	p.conflict("user", want.Name, "home", fmt.Sprintf("%s, which belongs to uid %d", want.Home, info.UID), want.Home, "choose another, or give it to root first")
	return false
}

func (p *planner) noLogin() string {
	for _, s := range noLogin {
		if ok, err := p.root.Exists(s); err == nil && ok {
			return s
		}
	}
	return noLogin[0] // a tree that is still to be filled
}

func (p *planner) letsNobodyIn(shell string) bool {
	if shell == p.noLogin() {
		return true
	}
	ok, err := p.root.Exists(shell)
	return slices.Contains(noLogin, shell) && err == nil && ok
}
