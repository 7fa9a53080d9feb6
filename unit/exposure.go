package unit

import (
	"fmt"
	"slices"
	"strings"
)

// Exposure is how much of a machine a service could reach if it were taken over,
// by the reckoning of systemd-analyze security: from 0, perfect, to 10.
type Exposure struct {
	// Tenths is the score times ten: 12 is an exposure of 1.2, and what
	// systemd-analyze calls a threshold of 12.
	Tenths int
	// Findings are what it is made of, those that weigh most first.
	Findings []ExposureFinding
}

// String is the score and systemd's word for it, "1.2 OK".
func (e Exposure) String() string {
	word := "PERFECT"
	for _, l := range []struct {
		from int
		word string
	}{{100, "DANGEROUS"}, {90, "UNSAFE"}, {75, "EXPOSED"}, {50, "MEDIUM"}, {10, "OK"}, {1, "SAFE"}} {
		if e.Tenths >= l.from {
			word = l.word
			break
		}
	}
	return fmt.Sprintf("%d.%d %s", e.Tenths/10, e.Tenths%10, word)
}

// ExposureFinding is one thing that the score looks at.
type ExposureFinding struct {
	// Name is systemd's, such as "PrivateNetwork=" or "SystemCallFilter=~@swap".
	Name string
	// Weight is how much it counts, Badness how much of that it costs.
	Weight, Badness int
}

// Score reckons the exposure of a service, as systemd-analyze security
// --offline=true of the target's version does on a 64-bit PC, drop-ins included
// where the file is merged with them. Before systemd 250 that command can't
// reckon offline; the score is then what 250 would say.
func Score(f *File, t Target) Exposure {
	s := scorer{file: f, version: t.version()}
	s.read()
	var e Exposure
	sum, weights := 0, 0
	for _, c := range s.checks() {
		if c.badness == notApplicable || c.bootPhase && !s.defaultDependencies {
			continue
		}
		bad := roundUp(c.badness*c.weight, c.worst)
		sum, weights = sum+bad, weights+c.weight
		e.Findings = append(e.Findings, ExposureFinding{c.name, c.weight, bad})
	}
	e.Tenths = roundUp(sum*100, weights)
	slices.SortStableFunc(e.Findings, func(a, b ExposureFinding) int { return b.Badness - a.Badness })
	return e
}

func roundUp(a, b int) int { return (a + b - 1) / b }

const notApplicable = -1

type exposureCheck struct {
	name                   string
	weight, badness, worst int
	bootPhase              bool // makes no sense without DefaultDependencies=
}

// scorer is what systemd has in mind of a service when it has read its file.
type scorer struct {
	file                *File
	version             int
	defaultDependencies bool
	flags               map[string]bool
	words               map[string]string
	capabilities        map[string]bool
	filter              map[string]bool
	filterAllows        bool
}

// boolsByDefault are the switches, with what they are when nothing is said.
var exposureFlags = strings.Fields(`DynamicUser PrivateDevices PrivateMounts PrivateNetwork PrivateTmp PrivateUsers ProtectControlGroups
	ProtectKernelModules ProtectKernelTunables ProtectKernelLogs ProtectClock ProtectHostname LockPersonality MemoryDenyWriteExecute NoNewPrivileges
	RemoveIPC RestrictRealtime RestrictSUIDSGID Delegate`)

func (s *scorer) read() {
	s.flags, s.words = map[string]bool{}, map[string]string{}
	for _, key := range exposureFlags {
		s.flags[key] = s.flag("Service", key, false)
	}
	s.defaultDependencies = s.flag("Unit", "DefaultDependencies", true)
	for key, otherwise := range map[string]string{
		"User": "", "RootDirectory": "", "RootImage": "", "UMask": "0022", "KeyringMode": "private", "ProtectProc": "default", "ProcSubset": "all",
		"NotifyAccess": "none", "DevicePolicy": "auto", "ProtectHome": "no", "ProtectSystem": "no",
	} {
		s.words[key] = s.word(key, otherwise)
	}
	s.capabilities = s.bounding()
	s.systemCalls()
	s.implied()
}

// implied is what some directives set besides (systemd.exec(5)).
func (s *scorer) implied() {
	drop := func(names ...string) {
		for _, n := range names {
			delete(s.capabilities, n)
		}
	}
	if s.flags["PrivateDevices"] {
		drop("MKNOD", "SYS_RAWIO")
		if s.words["DevicePolicy"] == "auto" {
			s.words["DevicePolicy"] = "closed"
		}
	}
	if s.flags["ProtectKernelModules"] {
		drop("SYS_MODULE")
	}
	if s.flags["ProtectKernelLogs"] {
		drop("SYSLOG")
	}
	if s.flags["ProtectClock"] {
		drop("SYS_TIME", "WAKE_ALARM")
	}
	if s.flags["DynamicUser"] {
		for _, key := range []string{"PrivateTmp", "RemoveIPC", "NoNewPrivileges", "RestrictSUIDSGID"} {
			s.flags[key] = true
		}
		s.words["ProtectSystem"] = "strict"
		if v, ok := boolean(s.words["ProtectHome"]); ok && !v {
			s.words["ProtectHome"] = "read-only"
		}
		if s.words["User"] == "" {
			s.words["User"] = "dynamic"
		}
	}
	if s.version >= openMounts {
		s.flags["PrivateMounts"] = s.notRefused("PrivateMounts")
	}
}

// openMounts is the first version that reckons offline as if PrivateMounts= were
// set, unless it says no; measured with 257. Of a running service, it asks what is.
const openMounts = 254

// notRefused says whether the last assignment, if there is any, is not "no".
func (s *scorer) notRefused(key string) bool {
	set := true
	for _, e := range s.file.entries {
		if e.Section != "Service" || e.Key != key {
			continue
		}
		if v, ok := boolean(e.Value); ok {
			set = v
		} else if e.Value == "" {
			set = true
		}
	}
	return set
}

// flag is the last assignment that is a boolean, or a word besides no.
func (s *scorer) flag(section, key string, otherwise bool) bool {
	for _, e := range s.file.entries {
		if e.Section != section || e.Key != key {
			continue
		}
		v, ok := boolean(e.Value)
		switch {
		case ok:
			otherwise = v
		case key == "Delegate", e.Value != "" && vocabularies[key].words != "" && s.knows(e):
			otherwise = true
		}
	}
	return otherwise
}

func (s *scorer) knows(e Entry) bool {
	what, _ := vocabularies[e.Key].problem(&linter{version: s.version}, e)
	return what == ""
}

// word is the last assignment that systemd takes.
func (s *scorer) word(key, otherwise string) string {
	v := otherwise
	for _, e := range s.file.entries {
		if e.Section != "Service" || e.Key != key {
			continue
		}
		switch _, limited := vocabularies[key]; {
		case limited:
			if e.Value != "" && s.knows(e) {
				v = e.Value
			}
		case e.Value == "":
			v = otherwise
		case key == "UMask":
			if modeProblem(nil, "", e.Value) == "" {
				v = e.Value
			}
		case key == "User":
			if accountProblem(nil, "", e.Value) == "" {
				v = e.Value
			}
		default:
			v = e.Value
		}
	}
	return v
}

func (s *scorer) on(key string) int { return btoi(!s.flags[key]) }

// privileged says whether it runs as root.
func (s *scorer) privileged() bool {
	u := s.words["User"]
	return u == "" || u == "root" || u == "0"
}

// bounding merges CapabilityBoundingSet=: what is first assigned, and what
// follows a reset, replaces all.
func (s *scorer) bounding() map[string]bool {
	all := func() map[string]bool {
		m := map[string]bool{}
		for _, c := range capabilities {
			m[c] = true
		}
		return m
	}
	set, initial := all(), true
	for _, e := range s.file.entries {
		if e.Section != "Service" || e.Key != "CapabilityBoundingSet" {
			continue
		}
		list, inverted := strings.CutPrefix(e.Value, "~")
		named := map[string]bool{}
		for w := range strings.FieldsSeq(list) {
			if n := strings.TrimPrefix(strings.ToUpper(w), "CAP_"); slices.Contains(capabilities, n) {
				named[n] = true
			}
		}
		switch {
		case (len(named) == 0 || initial) && inverted:
			set = all()
			fallthrough
		case inverted:
			for n := range named {
				delete(set, n)
			}
		case len(named) == 0 || initial:
			set = named
		default:
			for n := range named {
				set[n] = true
			}
		}
		initial = len(set) == len(capabilities)
	}
	return set
}

func (s *scorer) caps(names ...string) int {
	for _, n := range names {
		if s.capabilities[n] {
			return 1
		}
	}
	return 0
}
