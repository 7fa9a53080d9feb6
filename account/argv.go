package account

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/passwd"
)

// commands are the tools that do a step; none if none can.
func (p *planner) commands(s step) [][]string {
	if s.action == removeUser && slices.ContainsFunc(p.set.Groups, func(g Group) bool { return g.Name == s.user.Name && !g.Absent }) {
		return nil // userdel would take the group, too
	}
	if s.aside() {
		return nil
	}
	if p.backend == BusyBox {
		return s.busybox()
	}
	return s.shadow()
}

// shadow gives the commands of Debian's passwd package.
func (s step) shadow() [][]string {
	u := s.user
	switch s.action {
	case addGroup:
		return [][]string{{"groupadd", "-r", "-g", fmt.Sprint(s.group.GID), s.group.Name}}
	case removeGroup:
		if s.own {
			return nil // userdel has done it, if login.defs says so; else the files
		}
		return [][]string{{"groupdel", s.group.Name}}
	case removeUser:
		return [][]string{{"userdel", u.Name}}
	case addUser:
		argv := []string{"useradd", "-r", "-M", "-N", "-u", fmt.Sprint(u.UID), "-g", s.primary, "-d", u.Home, "-s", u.Shell, "-c", u.Comment}
		if len(s.join) > 0 {
			argv = append(argv, "-G", strings.Join(s.join, ","))
		}
		all := [][]string{append(argv, u.Name)}
		if s.sub.Count > 0 {
			all = append(all, append(append([]string{"usermod"}, s.subordinate()...), u.Name))
		}
		return all
	}
	argv := []string{"usermod"}
	for _, f := range s.fields {
		switch f {
		case fieldGroup:
			argv = append(argv, "-g", s.primary)
		case fieldComment:
			argv = append(argv, "-c", u.Comment)
		case fieldHome:
			argv = append(argv, "-d", u.Home)
		case fieldShell:
			argv = append(argv, "-s", u.Shell)
		}
	}
	if s.lock {
		argv = append(argv, "-L")
	}
	if len(s.join) > 0 {
		argv = append(argv, "-a", "-G", strings.Join(s.join, ","))
	}
	return [][]string{append(append(argv, s.subordinate()...), u.Name)}
}

func (s step) subordinate() (argv []string) {
	if s.sub.Count == 0 {
		return nil
	}
	r := fmt.Sprintf("%d-%d", s.sub.Start, s.sub.End()-1)
	for _, file := range s.subTo {
		argv = append(argv, map[string]string{passwd.SubUIDFile: "--add-subuids", passwd.SubGIDFile: "--add-subgids"}[file], r)
	}
	return argv
}

// busybox gives the commands of BusyBox's loginutils. They change nothing that
// exists.
func (s step) busybox() (all [][]string) {
	applet := func(name string, args ...string) {
		if !appletOf(name) {
			name, args = "busybox", append([]string{name}, args...)
		}
		all = append(all, append([]string{name}, args...))
	}
	u := s.user
	switch s.action {
	case addGroup:
		applet("addgroup", "-S", "-g", fmt.Sprint(s.group.GID), s.group.Name)
	case addUser:
		if s.sub.Count > 0 {
			return nil
		}
		applet("adduser", "-S", "-D", "-H", "-h", u.Home, "-s", u.Shell, "-G", s.primary, "-g", u.Comment, "-u", fmt.Sprint(u.UID), u.Name)
		for _, g := range s.join {
			applet("addgroup", u.Name, g)
		}
	}
	return all
}

// aside says whether a step is one that no tool does.
func (s step) aside() bool { return s.orphan || s.leave || s.action == repairGroup }
