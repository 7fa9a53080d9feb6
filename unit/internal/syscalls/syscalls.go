// Package syscalls knows systemd's groups of system calls, as
// systemd-analyze syscall-filter lists them.
//
// dumps/VERSION.txt holds what the versions that we test against say: a group,
// then its members behind a tab each. The privileged test compares them with
// the machine's, and says what has changed.
package syscalls

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed dumps/*.txt
var dumps embed.FS

// Versions of systemd that there is a dump of, oldest first.
var Versions = []int{247, 252, 257}

type version struct {
	groups   map[string][]string
	known    map[string]bool
	expanded map[string][]string
}

var loaded = sync.OnceValue(func() map[int]version {
	all := map[int]version{}
	for _, v := range Versions {
		text, err := dumps.ReadFile(fmt.Sprintf("dumps/%d.txt", v))
		if err != nil {
			panic(err) // embedded: can't be
		}
		this := version{map[string][]string{}, map[string]bool{}, map[string][]string{}}
		group := ""
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			name, member := strings.CutPrefix(line, "\t")
			if !member {
				group = line
				continue
			}
			this.groups[group] = append(this.groups[group], name)
			if name[0] != '@' {
				this.known[name] = true
			}
		}
		for g := range this.groups {
			this.expanded[g] = this.expand(g)
		}
		all[v] = this
	}
	return all
})

// at is the newest dump that is not newer than a version.
func at(systemd int) version {
	v := Versions[0]
	for _, w := range Versions {
		if w <= systemd {
			v = w
		}
	}
	return loaded()[v]
}

// Known says whether a version of systemd knows a system call or a group.
func Known(systemd int, name string) bool {
	v := at(systemd)
	return v.known[name] || v.groups[name] != nil
}

// Expand is the system calls of a group, those of the groups within it included,
// sorted. A name that is no group is itself. The list is not to be changed.
func Expand(systemd int, name string) []string {
	if list, ok := at(systemd).expanded[name]; ok {
		return list
	}
	return []string{name}
}

func (v version) expand(group string) []string {
	seen := map[string]bool{}
	var add func(string)
	add = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, m := range v.groups[name] {
			add(m)
		}
	}
	add(group)
	list := make([]string, 0, len(seen))
	for n := range seen {
		if n[0] != '@' {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// foreign are members of groups that no 64-bit PC has (asm/unistd_64.h).
var foreign = strings.Fields(`bdflush break chown32 clock_adjtime64 clock_settime64 fchown32 ftime gtty idle lchown32 lock mpx nice pciconfig_iobase
	pciconfig_read pciconfig_write prof profil rtas s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr setfsuid32 setgroups32 setresuid32
	setreuid32 setuid32 sgetmask ssetmask stime stty subpage_prot switch_endian sys_debug_setcontext ulimit umount vm86 vm86old`)

// Native says whether a 64-bit PC has a system call. Only those of groups that
// an exposure score looks at are told apart.
func Native(name string) bool { return !slices.Contains(foreign, name) }

// Dump is the text that a version's groups are read from.
func Dump(systemd int) ([]byte, error) { return dumps.ReadFile(fmt.Sprintf("dumps/%d.txt", systemd)) }
