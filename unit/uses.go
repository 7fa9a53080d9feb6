package unit

import (
	"io/fs"
	"path"
	"strings"
	"time"
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
		if at := p.placed(f); at.After(since) && at.Before(time.Now()) {
			return f
		}
	}
	return ""
}

// mostLinks is how many links of one path are followed, as path_resolution(7)
// has it.
const mostLinks = 40

// placed is when a file came to be where it is: when it did itself, or the last
// of the symlinks on its way. A release that was staged long ago is new to the
// service when "current" is switched to it. Zero: there is no such file.
func (p *preparation) placed(file string) (at time.Time) {
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
		info, err := p.root.Lstat(path.Join(done, part))
		if err != nil {
			return time.Time{}
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
			return time.Time{}
		}
		if path.IsAbs(target) {
			done = "/"
		}
		links, left = links+1, target+"/"+left
	}
	switch {
	case left != "": // a loop
		return time.Time{}
	case last.After(at):
		return last
	}
	return at
}
