package passwd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// abandoned is for how long nobody has had an applet's new file open when it
// counts as left behind: between closing and renaming it there is a moment.
const abandoned = 500 * time.Millisecond

// WaitApplets returns as soon as none of BusyBox's applets edits the accounts.
// They know no other lock than FILE+, the new file that each creates beside the
// old one (libbb/update_passwd.c), and none of them ever breaks it: one that was
// killed keeps all later ones out. Such a file is removed.
func WaitApplets(ctx context.Context, root *rootfs.Root) error {
	dir, err := root.OpenDir("/etc")
	if err != nil {
		return fmt.Errorf("passwd: lock: %w", err)
	}
	defer dir.Close()
	// Between two files one holds no lock: whoever lives is waited for first.
	pid := 0
	if err := wait(ctx, func() (bool, error) { pid = livingApplet(); return pid == 0, nil }, func(cause error) error {
		return &LockError{root.Host("/etc/passwd"), process(pid), cause}
	}); err != nil {
		return err
	}
	for _, file := range []string{"passwd", "shadow", "group", "gshadow"} {
		a := applet{dir: dir, name: file + "+"}
		err := wait(ctx, a.gone, func(cause error) error {
			return &LockError{root.Host("/etc/" + a.name), process(a.holder), cause}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// livingApplet finds a process that is one of BusyBox's, 0 if there is none.
func livingApplet() int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is constant and valid
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		argv := strings.Split(string(b), "\x00")
		name := filepath.Base(argv[0])
		if strings.HasPrefix(name, "busybox") && len(argv) > 1 {
			name = argv[1]
		}
		if !slices.Contains([]string{"adduser", "addgroup", "deluser", "delgroup"}, name) {
			continue
		}
		exe, err := os.Readlink(filepath.Join(filepath.Dir(file), "exe"))
		if err != nil || !strings.HasPrefix(filepath.Base(exe), "busybox") {
			continue // Debian's, which locks as shadow's tools do
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			return pid
		}
	}
	return 0
}

// applet is the lock of one that edits a file.
type applet struct {
	dir    *os.File
	name   string
	seen   unix.Stat_t // as it was when
	since  time.Time   // nobody was found to have it open
	holder int
}

func (a *applet) gone() (bool, error) {
	var now unix.Stat_t
	err := unix.Fstatat(int(a.dir.Fd()), a.name, &now, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if a.holder, err = opener(&now); err != nil {
		return false, err
	}
	if a.holder > 0 || a.since.IsZero() || now.Ino != a.seen.Ino || now.Mtim != a.seen.Mtim {
		a.seen, a.since = now, time.Now()
		return false, nil
	}
	if now.Mode&unix.S_IFMT != unix.S_IFREG || time.Since(a.since) < abandoned {
		return false, nil
	}
	err = unix.Unlinkat(int(a.dir.Fd()), a.name, 0)
	return err == nil || errors.Is(err, unix.ENOENT), err
}

// opener finds a process that has a file open, 0 if none has. Root sees all of
// them; whoever doesn't can't remove the file either.
func opener(file *unix.Stat_t) (int, error) {
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil || len(fds) == 0 {
		return 0, errors.Join(err, errors.New("who edits the accounts can't be told without /proc"))
	}
	for _, fd := range fds {
		var st unix.Stat_t
		if unix.Stat(fd, &st) != nil || st.Dev != file.Dev || st.Ino != file.Ino {
			continue // or it was closed
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(fd)))); err == nil {
			return pid, nil
		}
	}
	return 0, nil
}
