package unit

import (
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
		info, err := p.root.Stat(f)
		if err == nil && info.ChangeTime.After(since) && info.ChangeTime.Before(time.Now()) {
			return f
		}
	}
	return ""
}
