package checks

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/verify"
)

// Listening holds where the processes of a service listen at these addresses and
// nowhere else: "tcp 127.0.0.1:8080", "tcp [::]:443", "udp 0.0.0.0:53", "unix
// /run/app.sock". Sockets that systemd handed over count. Root, or the service's
// own user, may look.
func Listening(service string, addresses ...string) verify.Check {
	c := ofUnit(service, "listening", Quick, func(_ context.Context, p properties) (verify.Finding, error) {
		group, err := controlGroup(p)
		if err != nil {
			return verify.Finding{}, err
		}
		inodes, err := socketsOf(group)
		if err != nil {
			return verify.Finding{}, err
		}
		all, err := listeners()
		if err != nil {
			return verify.Finding{}, err
		}
		var have []string
		for inode := range inodes {
			have = append(have, all[inode]...)
		}
		slices.Sort(have)
		have = slices.Compact(have)
		wanted := slices.Sorted(slices.Values(addresses))
		var causes []string
		for _, a := range wanted {
			if !slices.Contains(have, a) {
				causes = append(causes, "nobody listens at "+a)
			}
		}
		for _, a := range have {
			if !slices.Contains(wanted, a) {
				causes = append(causes, "it listens at "+a+", too")
			}
		}
		return verify.Equal(orNothing(strings.Join(wanted, ", ")), orNothing(strings.Join(have, ", "))).
			Because(strings.Join(causes, "; "), "look at the service's own settings, and at its socket units"), nil
	})
	c.Tags = append(c.Tags, "network")
	return c
}

// socketsOf gives the inodes of the sockets that a cgroup's processes, and those
// of the cgroups below, have open.
func socketsOf(group string) (map[string]bool, error) {
	inodes := map[string]bool{}
	err := filepath.WalkDir(hierarchy+group, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		pids, err := os.ReadFile(dir + "/cgroup.procs")
		if err != nil {
			return err
		}
		for pid := range strings.FieldsSeq(string(pids)) {
			fds, err := os.ReadDir("/proc/" + pid + "/fd")
			if errors.Is(err, fs.ErrNotExist) {
				continue // it has ended
			}
			if err != nil {
				return fmt.Errorf("only root, or the service's user, can see its sockets: %w", err)
			}
			for _, fd := range fds {
				target, err := os.Readlink("/proc/" + pid + "/fd/" + fd.Name())
				if inode, ok := strings.CutPrefix(target, "socket:["); ok && err == nil {
					inodes[strings.TrimSuffix(inode, "]")] = true
				}
			}
		}
		return nil
	})
	return inodes, err
}

// listeners gives the addresses of this network namespace that are listened at,
// by the socket's inode: proc(5), /proc/net.
func listeners() (map[string][]string, error) {
	found := map[string][]string{}
	for _, table := range []struct{ file, protocol, state string }{
		// TCP_LISTEN is 0A. A UDP socket that is bound and not connected is 07.
		{"tcp", "tcp", "0A"}, {"tcp6", "tcp", "0A"}, {"udp", "udp", "07"}, {"udp6", "udp", "07"},
	} {
		text, err := os.ReadFile("/proc/net/" + table.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != table.state {
				continue
			}
			address, err := socketAddress(f[1])
			if err != nil {
				return nil, fmt.Errorf("/proc/net/%s: %w", table.file, err)
			}
			found[f[9]] = append(found[f[9]], table.protocol+" "+address)
		}
	}
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if inode, path, ok := unixListener(line); ok {
			found[inode] = append(found[inode], "unix "+path)
		}
	}
	return found, nil
}

// unixListener reads a line of /proc/net/unix: Num RefCount Protocol Flags Type St
// Inode Path, of which the last may have blanks. 00010000 is __SO_ACCEPTCON.
func unixListener(line string) (inode, path string, ok bool) {
	f := strings.Fields(line)
	if len(f) < 8 || f[3] != "00010000" {
		return "", "", false
	}
	_, path, _ = strings.Cut(line, " "+f[6]+" ")
	return f[6], strings.TrimSuffix(path, "\n"), true
}

// socketAddress reads "0100007F:1F90", words of the machine's byte order.
func socketAddress(text string) (string, error) {
	address, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return "", fmt.Errorf("%q is no address", text)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	ip, _ := netip.AddrFromSlice(raw) // the length was looked at
	return netip.AddrPortFrom(ip, uint16(number)).String(), nil
}
