package unit

import (
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
)

// program is what a service of the Set runs, if the Set has it as a typed value.
func (p *preparation) program(name string) string {
	template, _ := instance(name)
	for _, u := range p.set.Units {
		s, ok := u.(Service)
		if ok && len(s.Exec) > 0 && (s.UnitName() == name || s.UnitName() == template) {
			return s.Exec[0]
		}
	}
	return ""
}

// replaced finds the first of the files that was put in place after a unit was
// started: the time of its last change of status, which a rename sets too. An
// older program that came back is as new to the service as a newer one.
func (p *preparation) replaced(since time.Time, files ...string) string {
	for _, f := range files {
		if f == "" || since.IsZero() {
			continue
		}
		at, soon := p.placed(f)
		if soon || at.After(since) && at.Before(time.Now()) {
			return f
		}
	}
	return ""
}

// foresee takes what earlier steps of the same plan will put in place.
func (p *preparation) foresee(planned []bedplate.Change) {
	p.coming = map[string]bool{}
	for _, c := range planned {
		if (c.Kind == "file" || c.Kind == "symlink") && c.Op != bedplate.OpDelete {
			p.coming[c.Target] = true
		}
	}
}

// mostLinks is how many links of one path are followed, as path_resolution(7)
// has it.
const mostLinks = 40

// placed is when a file came to be where it is: when it did itself, or the last
// of the symlinks on its way. A release that was staged long ago is new to the
// service when "current" is switched to it. Zero: there is no such file. Soon: one
// of them is planned to be replaced.
func (p *preparation) placed(file string) (at time.Time, soon bool) {
	var last time.Time
	links, done, left := 0, "/", file
	for left != "" && links <= mostLinks {
		var part string
		part, left, _ = strings.Cut(left, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			done = path.Dir(done)
			continue
		}
		if p.coming[path.Join(done, part)] {
			return time.Time{}, true
		}
		info, err := p.root.Lstat(path.Join(done, part))
		if err != nil { // with the directories that it is in, perhaps
			return time.Time{}, p.coming[path.Join(done, part, left)]
		}
		last = info.ChangeTime
		if info.Mode&fs.ModeSymlink == 0 {
			done = path.Join(done, part)
			continue
		}
		if last.After(at) {
			at = last
		}
		target, err := p.root.Readlink(path.Join(done, part))
		if err != nil {
			return time.Time{}, false
		}
		if path.IsAbs(target) {
			done = "/"
		}
		links, left = links+1, target+"/"+left
	}
	switch {
	case left != "": // a loop
		return time.Time{}, false
	case last.After(at):
		return last, false
	}
	return at, false
}
