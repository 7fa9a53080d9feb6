package unit_test

import (
	"flag"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// said is a Limits of a few directives.
type said [][2]string

func (s said) Directives(int) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, d := range s {
			if !yield(d[0], d[1]) {
				return
			}
		}
	}
}

// golden are units that show what a kind can say, by the name of their file.
func golden() map[string]unit.Unit {
	return map[string]unit.Unit{
		"least.service": unit.Service{Name: "least", Exec: []string{"/usr/bin/least"}},
		"app.service": unit.Service{
			Name: "app", Description: "The app, 100% \"sure\"", Documentation: []string{"https://example.com/app"},
			Exec: []string{"/opt/app/bin/app", "-v", "a b", "$HOME", "100%", `back\slash`, `"quoted"`, "", ";"},
			Type: unit.NotifyReload, User: "app", Group: "app", WorkingDirectory: "/opt/app",
			Environment: map[string]string{"B": "two words", "A": `$1 100% "x"`}, EnvironmentFiles: []string{"/etc/app/env"},
			Credentials: map[string]string{"key": "/etc/app/key"},
			Restart:     unit.RestartAlways, RestartDelay: 2 * time.Second, StartTimeout: 1500 * time.Millisecond, StopTimeout: time.Minute, Watchdog: 30 * time.Second,
			NetworkOnline: true, Sockets: []string{"app.socket"}, Slice: "apps.slice", Wants: []string{"db.service"}, BindsTo: []string{"mnt-data.mount"},
			Limits: said{{"MemoryMax", "512M"}, {"CPUQuota", "150%"}}, OpenFiles: 65536,
			StateDirectory: []string{"app", "app/more"}, ReadWritePaths: []string{"/srv/app data"},
			Extra: []unit.Directive{{Section: "Unit", Name: "ConditionPathExists", Value: "/etc/app"}, {Section: "Service", Name: "SyslogIdentifier", Value: "app"}},
		},
		"app.socket":  unit.Socket{Name: "app", Listen: []string{"8080", "[::1]:9090", "/run/app.sock", "@app"}, Mode: 0o660, Group: "app", Backlog: 512, FreeBind: true},
		"tidy.timer":  unit.Timer{Name: "tidy", Description: "Tidy up", Calendar: []string{"daily"}, Spread: time.Hour, Persistent: true},
		"apps.slice":  unit.Slice{Name: "apps", Limits: said{{"MemoryHigh", "1G"}}},
		"spool@.path": unit.Path{Name: "spool@", Specifiers: true, NotEmpty: []string{"/var/spool/%i"}, MakeDirectory: true, DirectoryMode: 0o750},
		"srv-data.mount": unit.Mount{
			What: "UUID=8c4b1a3e", Where: "/srv/data", Type: "ext4", Options: []string{"noexec", "nosuid"},
			Conditions: []unit.Condition{{Test: "PathExists", Value: "/etc/100%", Not: true}, {Test: "Virtualization", Value: "no", AnyOf: true, Assert: true}},
		},
		"apps.target": unit.TargetUnit{Name: "apps", Relations: unit.Relations{Wants: []string{"a.service", "b.service"}, BindsTo: []string{"srv.mount"}}, Isolate: true},
		"worker@.service": unit.Service{
			Name: "worker@", Specifiers: true, Exec: []string{"/opt/app/bin/worker", "--queue=%i", "100%%"}, Type: unit.Notify, DynamicUser: true,
			ExecBefore: []unit.Command{{Argv: []string{"/bin/mkdir", "-p", "/srv/%i"}, MayFail: true, Privileged: true}}, ReloadSignal: "SIGUSR1",
			Rlimits: map[unit.Resource]unit.Rlimit{unit.CoreSize: {Soft: 0, Hard: unit.Infinite}}, Nice: 5, SuccessExit: []uint8{143}, DefaultInstance: "main", Sandbox: unit.Sandbox{Off: true},
		},
		"app.service.d/10-limits.conf": unit.DropIn{
			Unit: "app.service", Name: "10-limits", Limits: said{{"MemoryMax", "1G"}},
			Directives: []unit.Directive{{Section: "Unit", Name: "After", Value: "db.service"}, {Section: "Service", Name: "Environment", Value: ""}, {Section: "Service", Name: "Environment", Value: "A=1"}},
		},
		"old.service": unit.Service{Name: "old", Exec: []string{"/usr/bin/old"}, Type: unit.NotifyReload},
	}
}

func TestGolden(t *testing.T) {
	for name, u := range golden() {
		t.Run(name, func(t *testing.T) {
			r := unit.Renderer{}
			if strings.HasPrefix(name, "old.") {
				r.Target.Systemd = 247
			}
			text, dropped, err := r.Render(u)
			require.NoError(t, err)
			for _, d := range dropped {
				text = append(text, "# dropped: "+d.String()+"\n"...)
			}
			file := filepath.Join("testdata", "golden", name)
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
				require.NoError(t, os.WriteFile(file, text, 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), string(text))
			f, err := unit.Parse(name, strings.NewReader(string(text)))
			require.NoError(t, err)
			for _, finding := range unit.Lint(f, r.Target) {
				require.NotEqual(t, unit.SeverityError, finding.Severity, finding.String())
			}
		})
	}
}

// What a value can't be is refused with the field's name, before anything is written.
func TestRefused(t *testing.T) {
	ok := unit.Service{Name: "app", Exec: []string{"/bin/app"}}
	with := func(change func(*unit.Service)) unit.Service {
		s := ok
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		u     unit.Unit
		field string
	}{
		"newline in Description":  {with(func(s *unit.Service) { s.Description = "x\nUser=root" }), "Description"},
		"NUL in an argument":      {with(func(s *unit.Service) { s.Exec = []string{"/bin/app", "a\x00"} }), "Exec[1]"},
		"invalid UTF-8":           {with(func(s *unit.Service) { s.Description = "a\xff" }), "Description"},
		"overlong":                {with(func(s *unit.Service) { s.Description = strings.Repeat("x", 1<<17) }), "Description"},
		"backslash at the end":    {with(func(s *unit.Service) { s.Description = `x\` }), "Description"},
		"relative program":        {with(func(s *unit.Service) { s.Exec = []string{"app"} }), "Exec[0]"},
		"prefix as program":       {with(func(s *unit.Service) { s.Exec = []string{"-/bin/app"} }), "Exec[0]"},
		"no program":              {with(func(s *unit.Service) { s.Exec = nil }), "Exec"},
		"user with a space":       {with(func(s *unit.Service) { s.User = "a b" }), "User"},
		"name with a slash":       {with(func(s *unit.Service) { s.Name = "a/b" }), "Name"},
		"variable's name":         {with(func(s *unit.Service) { s.Environment = map[string]string{"A B": "x"} }), "A B"},
		"value with newline":      {with(func(s *unit.Service) { s.Environment = map[string]string{"A": "x\ny"} }), "Environment[A]"},
		"negative duration":       {with(func(s *unit.Service) { s.StopTimeout = -1 }), "StopTimeout"},
		"limit that never trips":  {with(func(s *unit.Service) { s.RestartDelay = time.Hour }), "never trips"},
		"empty file of variables": {with(func(s *unit.Service) { s.EnvironmentFiles = []string{"/e", ""} }), "EnvironmentFiles[1]"},
		"a oneshot's longest":     {with(func(s *unit.Service) { s.Type, s.RuntimeMax = unit.Oneshot, time.Minute }), "StartTimeout"},
		"unknown type":            {with(func(s *unit.Service) { s.Type = "simpel" }), "Type"},
		"extra newline":           {with(func(s *unit.Service) { s.Extra = []unit.Directive{{Section: "Service", Name: "A", Value: "b\nc"}} }), "A="},
		"extra section":           {with(func(s *unit.Service) { s.Extra = []unit.Directive{{Section: "Socket", Name: "A", Value: "b"}} }), "Extra[0]"},
		"state outside":           {with(func(s *unit.Service) { s.StateDirectory = []string{"../x"} }), "StateDirectory[0]"},
		"limits with newline":     {with(func(s *unit.Service) { s.Limits = said{{"MemoryMax", "1\nUser=root"}} }), "MemoryMax"},
		"socket without listen":   {unit.Socket{Name: "app"}, "Listen"},
		"socket port 0":           {unit.Socket{Name: "app", Listen: []string{"0"}}, "Listen[0]"},
		"socket name for address": {unit.Socket{Name: "app", Listen: []string{"localhost:80"}}, "Listen[0]"},
		"timer that never is":     {unit.Timer{Name: "t"}, "Calendar"},
		"slice with two dashes":   {unit.Slice{Name: "a--b"}, "Name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unit.Render(c.u)
			require.ErrorContains(t, err, c.field)
		})
	}
}

func TestTemplatesCannotSmuggle(t *testing.T) {
	s := unit.Service{Name: "app", Exec: []string{"/bin/app"}}
	ours, err := os.ReadFile("templates/service.tmpl")
	require.NoError(t, err)
	for name, c := range map[string]struct{ text, want string }{
		"ours":        {string(ours), ""},
		"a comment":   {"# by me\n" + string(ours), ""},
		"added":       {strings.Replace(string(ours), "[Service]\n", "[Service]\nUser=root\n", 1), "added"},
		"lost":        {strings.Replace(string(ours), "{{.Restart}}\n", "", 1), "lost"},
		"changed":     {strings.Replace(string(ours), "{{.Unit}}", "{{range .Unit.Directives}}{{.Name}}=x{{.Value}}\n{{end}}", 1), "rendered"},
		"one by one":  {strings.Replace(string(ours), "{{.Unit}}", "{{range .Unit.Directives}}{{.Name}} = {{.Value}}\n{{end}}", 1), ""},
		"no unit":     {"hello", "does not render a unit"},
		"no template": {"{{", "templates"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := unit.Renderer{Templates: fstest.MapFS{"service.tmpl": &fstest.MapFile{Data: []byte(c.text), Mode: fs.ModePerm}}}.Render(s)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

// What the target does not know is left out and said.
func TestDropped(t *testing.T) {
	_, dropped, err := unit.Renderer{Target: unit.Target{Systemd: 247}}.Render(unit.Service{Name: "app", Exec: []string{"/bin/app"}})
	require.NoError(t, err)
	var names []string
	for _, d := range dropped {
		names = append(names, d.Name)
	}
	require.Subset(t, names, []string{"RestartSteps", "RestartMaxDelaySec", "PrivateIPC"})
	_, dropped, err = unit.Renderer{}.Render(unit.Service{Name: "app", Exec: []string{"/bin/app"}})
	require.NoError(t, err)
	require.Empty(t, dropped)
}

// Rendering shares memory between calls; no unit sees another's.
func TestRenderAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for name, u := range golden() {
		want, _, err := unit.Renderer{}.Render(u)
		require.NoError(t, err)
		for range 4 {
			wg.Go(func() {
				for range 20 {
					got, _, err := unit.Renderer{}.Render(u)
					assert.NoError(t, err)
					assert.Equal(t, string(want), string(got), name)
				}
			})
		}
	}
	wg.Wait()
}

func TestEnviron(t *testing.T) {
	require.Equal(t, map[string]string{"A": "2", "B": "x=y", "C": ""}, unit.Environ([]string{"A=1", "B=x=y", "nothing"}, nil, []string{"A=2", "C="}))
	require.Equal(t, map[string]string{}, unit.Environ())
}
