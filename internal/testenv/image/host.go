package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// needed are the host's programs and the Debian packages that have them.
var needed = map[string]string{
	"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "xz": "xz-utils", "depmod": "kmod", "tar": "tar", "dpkg-deb": "dpkg", "apt-get": "apt",
}

// keyring lets mmdebstrap and apt check what they download.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// install brings what building a machine needs.
func install(ctx context.Context, say func(string)) error {
	return bring(ctx, say, needed, "building a machine")
}

// bring installs the programs that are missing, or says which packages have them.
func bring(ctx context.Context, say func(string), needed map[string]string, what string) error {
	var missing []string
	for program, pkg := range needed {
		if !available(program) {
			missing = append(missing, pkg)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		missing = append(missing, "debian-archive-keyring")
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	if os.Getuid() != 0 || !available("apt-get") {
		return fmt.Errorf("%s needs the Debian packages %s; install them, or run this as root", what, strings.Join(missing, " "))
	}
	say("installing " + strings.Join(missing, " "))
	_, first := tool(ctx, "", nil, append([]string{"apt-get", "-qq", "install", "-y", "--no-install-recommends"}, missing...)...)
	if first == nil {
		return nil
	}
	if _, err := tool(ctx, "", nil, "apt-get", "-qq", "update"); err != nil {
		return errors.Join(first, err)
	}
	_, err := tool(ctx, "", nil, append([]string{"apt-get", "-qq", "install", "-y", "--no-install-recommends"}, missing...)...)
	return err
}

// available looks where root's programs are too: an ordinary user's PATH may lack them.
func available(program string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err == nil {
			return true
		}
	}
	return false
}

var mirrorURL = regexp.MustCompile(`\b(?:https?|file)://\S+?/debian/?(?:\s|$)`)

// hostMirror is the Debian mirror that this host's apt uses.
func hostMirror() (string, error) {
	files := []string{"/etc/apt/sources.list"}
	for _, pattern := range []string{"/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		m := mirrorIn(bufio.NewScanner(f))
		if err := f.Close(); err != nil {
			return "", err
		}
		if m != "" {
			return m, nil
		}
	}
	return "", errors.New("no Debian mirror in this host's apt sources; name one with -mirror URL")
}

func mirrorIn(lines *bufio.Scanner) string {
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); !strings.HasPrefix(line, "#") {
			if m := mirrorURL.FindString(line); m != "" {
				return strings.TrimSpace(m)
			}
		}
	}
	return ""
}
