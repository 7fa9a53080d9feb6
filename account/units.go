package account

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// unitDirs are where systemd looks for units (systemd.unit(5), "Unit File Load
// Path"), the first before the others.
var unitDirs = []string{
	"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/run/systemd/generator.early",
	"/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator.late",
}

// setting is one line of a unit or its drop-ins.
type setting struct{ section, key, value string }

// unitFile is what one unit says: that of the first directory that has it, and
// all drop-ins.
type unitFile struct {
	name     string
	settings []setting
}

// readUnits reads all units. This is no judge of their syntax: what systemd would
// pass over counts here, since the next edit may repair it.
func readUnits(root *rootfs.Root) ([]unitFile, error) {
	main, drops := map[string]string{}, map[string]map[string]string{}
	for _, dir := range unitDirs {
		entries, err := root.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("account: audit: %w", err)
		}
		for _, e := range entries {
			name := e.Name()
			if unit, ok := strings.CutSuffix(name, ".d"); ok {
				for _, drop := range list(root, path.Join(dir, name), ".conf") {
					if drops[unit] == nil {
						drops[unit] = map[string]string{}
					}
					if base := path.Base(drop); drops[unit][base] == "" {
						drops[unit][base] = drop
					}
				}
				if main[unit] == "" {
					main[unit] = "-" // perhaps only drop-ins
				}
				continue
			}
			if slices.Contains([]string{".service", ".socket", ".mount", ".swap"}, path.Ext(name)) && (main[name] == "" || main[name] == "-") {
				main[name] = path.Join(dir, name)
			}
		}
	}
	var units []unitFile
	for name, file := range main {
		u := unitFile{name: name}
		if file == "-" && main[template(name)] != "" {
			file = main[template(name)]
		}
		files := []string{file}
		// A type's and a template's drop-ins hold for the unit, too.
		for _, of := range []string{strings.TrimPrefix(path.Ext(name), "."), template(name), name} {
			for _, base := range slices.Sorted(keys(drops[of])) {
				files = append(files, drops[of][base])
			}
		}
		for _, f := range files {
			if f == "-" {
				continue
			}
			b, err := root.ReadFile(f)
			if err != nil {
				continue // a mask, a link to nowhere, a directory
			}
			u.settings = append(u.settings, settings(string(b))...)
		}
		units = append(units, u)
	}
	slices.SortFunc(units, func(a, b unitFile) int { return strings.Compare(a.name, b.name) })
	return units, nil
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// template is "app@.service" of "app@1.service", else nothing.
func template(name string) string {
	ext := path.Ext(name)
	if before, instance, ok := strings.Cut(strings.TrimSuffix(name, ext), "@"); ok && instance != "" {
		return before + "@" + ext
	}
	return ""
}

// list gives the files of a directory with such a name; a directory that can't
// be read has none.
func list(root *rootfs.Root, dir, ext string) (files []string) {
	entries, err := root.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if path.Ext(e.Name()) == ext || ext == "" {
			files = append(files, path.Join(dir, e.Name()))
		}
	}
	return files
}

// settings splits a unit into its lines, continued ones joined.
func settings(text string) (all []setting) {
	section, pending := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" && pending == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		line = pending + line
		if before, more := strings.CutSuffix(line, `\`); more {
			pending = before + " "
			continue
		}
		pending = ""
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok {
			all = append(all, setting{section, strings.TrimSpace(key), strings.TrimSpace(value)})
		}
	}
	return all
}

// get is the last value of a key.
func (u unitFile) get(key string) (value string) {
	for _, s := range u.settings {
		if s.key == key {
			value = s.value
		}
	}
	return value
}

// runsAsRoot says whether the unit's ordinary commands do.
func (u unitFile) runsAsRoot() bool {
	user := u.get("User")
	dynamic := slices.Contains([]string{"1", "yes", "y", "true", "t", "on"}, strings.ToLower(u.get("DynamicUser")))
	return !dynamic && (user == "" || user == "root" || user == "0")
}

// uses are what the unit has root run or read. Specifiers are left to systemd:
// what has one is passed over.
func (u unitFile) uses() (all []use) {
	add := func(p, how string, argument bool) {
		if path.IsAbs(p) && !strings.ContainsRune(strings.ReplaceAll(p, "%%", ""), '%') {
			all = append(all, use{strings.ReplaceAll(p, "%%", "%"), how + " for " + u.name, argument})
		}
	}
	for i, s := range u.settings {
		if slices.ContainsFunc(u.settings[i:], func(later setting) bool { return later.key == s.key && later.value == "" }) {
			continue // an empty value takes back all before it
		}
		switch {
		case strings.HasPrefix(s.key, "Exec"):
			command := strings.TrimLeft(s.value, "-@:+!|")
			prefix := s.value[:len(s.value)-len(command)]
			before := s.key != "ExecStart" && u.get("PermissionsStartOnly") != "" // the old spelling of "!"
			if !u.runsAsRoot() && !strings.ContainsAny(prefix, "+!") && !before {
				continue
			}
			for i, word := range strings.Fields(command) {
				word = strings.Trim(word, `"';`)
				switch {
				case i == 0:
					add(word, "run by root ("+s.key+"=)", false)
				case path.IsAbs(word):
					add(word, "given to what root runs ("+s.key+"=)", true)
				}
			}
		case s.key == "EnvironmentFile":
			add(strings.TrimPrefix(s.value, "-"), "read by systemd (EnvironmentFile=)", false)
		case s.key == "LoadCredential" || s.key == "LoadCredentialEncrypted":
			if _, file, ok := strings.Cut(s.value, ":"); ok {
				add(file, "read by systemd ("+s.key+"=)", false)
			}
		}
	}
	return all
}

// unitGroups are the groups that units give to what they run as the user.
func (p *planner) unitGroups(units []unitFile, user string, id Identity) (groups []ID) {
	for _, u := range units {
		if as := u.get("User"); as != user && as != fmt.Sprint(id.UID) {
			continue
		}
		for _, s := range u.settings {
			if s.key != "Group" && s.key != "SupplementaryGroups" {
				continue
			}
			for _, name := range strings.Fields(s.value) {
				if g, ok := p.db.groups().Group(name); ok {
					groups = append(groups, ID(g.GID))
				} else if n, err := parseID(name); err == nil {
					groups = append(groups, n)
				}
			}
		}
	}
	return groups
}
