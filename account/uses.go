package account

import (
	"bufio"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// uses are the paths outside of root's trees that root is told to run or read.
func uses(root *rootfs.Root, units []unitFile) (all []use) {
	for _, u := range units {
		all = append(all, u.uses()...)
	}
	crontabs := append([]string{"/etc/crontab"}, list(root, "/etc/cron.d", "")...)
	for _, file := range crontabs {
		all = append(all, crontab(read(root, file), file, true)...)
	}
	for _, file := range []string{"/var/spool/cron/crontabs/root", "/var/spool/cron/root"} {
		all = append(all, crontab(read(root, file), file, false)...)
	}
	for _, file := range append([]string{"/etc/ld.so.conf"}, list(root, "/etc/ld.so.conf.d", ".conf")...) {
		for line := range strings.Lines(read(root, file)) {
			if line = strings.TrimSpace(line); path.IsAbs(line) {
				all = append(all, use{path: line, use: "libraries of every program (" + file + ")"})
			}
		}
	}
	for _, lib := range strings.FieldsFunc(read(root, "/etc/ld.so.preload"), func(r rune) bool { return strings.ContainsRune(" \t\n:", r) }) {
		if path.IsAbs(lib) {
			all = append(all, use{path: lib, use: "loaded into every program (/etc/ld.so.preload)"})
		}
	}
	for _, u := range slices.Clone(all) {
		if i := interpreter(root, u.path); i != "" {
			all = append(all, use{path: i, use: "interpreter of " + u.path})
		}
	}
	return all
}

// read is a file's text; one that is missing, or that only others may read, has
// none: the walk over root's trees reports what can't be read.
func read(root *rootfs.Root, file string) string {
	b, err := root.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(b)
}

// crontab finds what root's lines of a crontab(5) run: the first word, and every
// file among the others, since what they are is the program's to know.
func crontab(text, file string, withUser bool) (all []use) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		times := 5
		if len(f) > 0 && strings.HasPrefix(f[0], "@") {
			times = 1
		}
		if len(f) == 0 || strings.HasPrefix(f[0], "#") || len(f) <= times {
			continue
		}
		f = f[times:]
		if withUser {
			if f[0] != "root" {
				continue
			}
			f = f[1:]
		}
		for i, word := range words(strings.Join(f, " ")) {
			if path.IsAbs(word) {
				all = append(all, use{word, "run by root (" + file + ")", i > 0})
			}
		}
	}
	return all
}

// words takes a shell's line apart, roughly; what output goes to is left out.
func words(line string) (all []string) {
	output := false
	for _, w := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"'`;&|()<=,", r) }) {
		for i, part := range strings.Split(w, ">") {
			if part != "" && i == 0 && !output {
				all = append(all, part)
			}
			if part != "" {
				output = false
			}
		}
		output = strings.HasSuffix(w, ">")
	}
	return all
}

// interpreter is what a script's first line names.
func interpreter(root *rootfs.Root, file string) string {
	info, err := root.Stat(file)
	if err != nil || !info.Mode.IsRegular() {
		return ""
	}
	f, err := root.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	// binfmt_script of the kernel reads 256 bytes.
	line, _ := bufio.NewReaderSize(f, 256).ReadSlice('\n')
	rest, ok := strings.CutPrefix(string(line), "#!")
	if w := strings.Fields(rest); ok && len(w) > 0 && path.IsAbs(w[0]) {
		return w[0]
	}
	return ""
}

func parseID(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return ID(n), err
}
