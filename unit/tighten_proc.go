package unit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// usage is what the processes of a service have open, and are.
type usage struct {
	users         map[int]bool
	capabilities  uint64
	families      map[string]bool
	lowPort       bool
	writes        []string // directories of files open for writing
	home          []string
	temporary     []string
	devices       []string
	kernel        bool // something of the kernel's open for writing
	writableCode  bool
	ownNamespaces int
}

// inspect looks at all processes of a cgroup, or at one where there is none to be
// read.
func inspect(group string, main int) (u usage, err error) {
	u = usage{users: map[int]bool{}, families: map[string]bool{}}
	pids := []int{main}
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		text, err := os.ReadFile(path.Join(mount, group, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, w := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(w); err == nil && pid != main {
				pids = append(pids, pid)
			}
		}
		break
	}
	writes := map[string]bool{}
	for _, pid := range pids {
		err := u.process(pid, main, writes)
		if errors.Is(err, fs.ErrNotExist) && pid != main {
			continue // it ended meanwhile
		}
		if err != nil {
			return u, fmt.Errorf("unit: look at process %d: %w", pid, err)
		}
	}
	u.writes = slices.Sorted(maps.Keys(writes))
	return u, nil
}

func (u *usage) process(pid, main int, writes map[string]bool) error {
	at := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(at + "/status")
	if err != nil {
		return err
	}
	u.status(status)
	maps, err := os.ReadFile(at + "/maps")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(maps) {
		f := bytes.Fields(line)
		if len(f) > 1 && bytes.HasPrefix(f[1], []byte("rwx")) {
			u.writableCode = true
		}
	}
	for _, link := range []string{"cwd", "exe"} {
		if to, err := os.Readlink(at + "/" + link); err == nil {
			u.place(to)
		}
	}
	if pid != main {
		for _, ns := range []string{"mnt", "net", "user", "pid", "ipc", "uts", "cgroup"} {
			mine, errA := os.Readlink(at + "/ns/" + ns)
			mains, errB := os.Readlink("/proc/" + strconv.Itoa(main) + "/ns/" + ns)
			if errA == nil && errB == nil && mine != mains {
				u.ownNamespaces++
			}
		}
	}
	return u.open(at, writes)
}

func (u *usage) status(text []byte) {
	for line := range bytes.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		f := strings.Fields(value)
		switch key {
		case "Uid":
			for _, w := range f {
				if id, err := strconv.Atoi(w); err == nil {
					u.users[id] = true
				}
			}
		case "CapEff", "CapPrm":
			if len(f) == 1 {
				bits, _ := strconv.ParseUint(f[0], 16, 64)
				u.capabilities |= bits
			}
		}
	}
}

// open looks at the open files of a process.
func (u *usage) open(at string, writes map[string]bool) error {
	entries, err := os.ReadDir(at + "/fd")
	if err != nil {
		return err
	}
	sockets := map[string]bool{}
	for _, e := range entries {
		to, err := os.Readlink(at + "/fd/" + e.Name())
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
			continue
		}
		if !strings.HasPrefix(to, "/") {
			continue
		}
		writing := writable(at + "/fdinfo/" + e.Name())
		u.place(to)
		switch {
		case strings.HasPrefix(to, "/dev/"):
			if !everybodys(to) {
				u.devices = append(u.devices, to)
			}
			u.kernel = u.kernel || to == "/dev/kmsg"
		case strings.HasPrefix(to, "/proc/sys/") || strings.HasPrefix(to, "/sys/"):
			u.kernel = u.kernel || writing
		case strings.HasPrefix(to, "/proc/") || strings.HasPrefix(to, "/tmp/") || strings.HasPrefix(to, "/var/tmp/") || strings.HasPrefix(to, "/run/"):
		case writing:
			writes[path.Dir(to)] = true
		}
	}
	return u.sockets(at, sockets)
}

func (u *usage) place(to string) {
	for _, dir := range []string{"/home/", "/root/", "/run/user/"} {
		if strings.HasPrefix(to+"/", dir) {
			u.home = append(u.home, to)
		}
	}
	for _, dir := range []string{"/tmp/", "/var/tmp/"} {
		if strings.HasPrefix(to, dir) {
			u.temporary = append(u.temporary, to)
		}
	}
}

// everybodys are the devices that PrivateDevices= leaves.
func everybodys(device string) bool {
	switch device {
	case "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/console":
		return true
	}
	return strings.HasPrefix(device, "/dev/pts/") || strings.HasPrefix(device, "/dev/shm/") || strings.HasPrefix(device, "/dev/mqueue/")
}

// writable reads the flags of an open file (proc(5), fdinfo; octal).
func writable(fdinfo string) bool {
	text, err := os.ReadFile(fdinfo)
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), "flags:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return false
	}
	flags, err := strconv.ParseUint(f[0], 8, 64)
	return err == nil && flags&3 != 0
}

// socketTables of a network namespace: which family, and where the inode is.
var socketTables = []struct {
	name, family string
	inode        int
}{
	{"tcp", "AF_INET", 9}, {"udp", "AF_INET", 9}, {"raw", "AF_INET", 9}, {"tcp6", "AF_INET6", 9}, {"udp6", "AF_INET6", 9}, {"raw6", "AF_INET6", 9},
	{"unix", "AF_UNIX", 6}, {"netlink", "AF_NETLINK", 9}, {"packet", "AF_PACKET", 8},
}

func (u *usage) sockets(at string, inodes map[string]bool) error {
	for _, t := range socketTables {
		f, err := os.Open(at + "/net/" + t.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no such protocol here
		}
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			w := strings.Fields(lines.Text())
			if len(w) <= t.inode || !inodes[w[t.inode]] {
				continue
			}
			u.families[t.family] = true
			if strings.HasPrefix(t.name, "tcp") && w[3] == "0A" { // LISTEN
				_, hex, _ := strings.Cut(w[1], ":")
				port, err := strconv.ParseUint(hex, 16, 16)
				u.lowPort = u.lowPort || err == nil && port < 1024
			}
		}
		if err := errors.Join(lines.Err(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
