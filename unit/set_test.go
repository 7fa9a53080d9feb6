package unit_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// tree is what is in a directory: the text of files, "→ target" of links, "/" of directories.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		name := strings.TrimPrefix(p, root)
		switch {
		case d.IsDir():
			all[name+"/"] = ""
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			require.NoError(t, err)
			all[name] = "→ " + to
		default:
			b, err := os.ReadFile(p)
			require.NoError(t, err)
			all[name] = string(b)
		}
		return nil
	}))
	return all
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	at := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
	require.NoError(t, os.RemoveAll(at))
	if to, ok := strings.CutPrefix(text, "→ "); ok {
		require.NoError(t, os.Symlink(to, at))
		return
	}
	require.NoError(t, os.WriteFile(at, []byte(text), 0o644))
}

// ensure proves that a Set does what it planned, and then has nothing to do.
func ensure(t *testing.T, s unit.Set) []bedplate.Change {
	t.Helper()
	plan, err := s.Plan(t.Context())
	require.NoError(t, err)
	made, err := s.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, plan, append([]bedplate.Change{}, made...))
	again, err := s.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, again)
	return made
}

func texts(changes []bedplate.Change) (all []string) {
	for _, c := range changes {
		all = append(all, c.String())
	}
	return all
}

const etc = "/etc/systemd/system/"

func app() unit.Service {
	return unit.Service{Name: "app", Exec: []string{"/opt/app/bin/app"}, User: "app", Type: unit.Notify}
}

func TestSetWritesFilesAndLinks(t *testing.T) {
	root := t.TempDir()
	s := unit.Set{Root: root, Units: []unit.Unit{unit.Socket{Name: "app", Listen: []string{"8080"}}, app()}, Enable: true, Start: true}
	require.Equal(t, []string{
		"create directory /etc", "create directory /etc/systemd", "create directory /etc/systemd/system",
		"create file /etc/systemd/system/app.socket", "create file /etc/systemd/system/app.service",
		"create directory /etc/systemd/system/sockets.target.wants",
		"create symlink /etc/systemd/system/sockets.target.wants/app.socket: → /etc/systemd/system/app.socket",
		"create directory /etc/systemd/system/multi-user.target.wants",
		"create symlink /etc/systemd/system/multi-user.target.wants/app.service: → /etc/systemd/system/app.service",
	}, texts(ensure(t, s)))
	text, err := unit.Render(app())
	require.NoError(t, err)
	require.Equal(t, string(text), tree(t, root)[etc+"app.service"])
	info, err := os.Stat(root + etc + "app.service")
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), info.Mode())

	changed := app()
	changed.Environment = map[string]string{"TOKEN": "don't show"}
	changed.WantedBy = []string{"app.target"}
	changed.StopTimeout = 5e9
	s.Units = []unit.Unit{changed}
	diffs, err := s.Diff(t.Context())
	require.NoError(t, err)
	require.Len(t, diffs, 1)
	require.Contains(t, diffs[0].Lines, "+TimeoutStopSec=5s")
	require.Contains(t, diffs[0].Lines, "-WantedBy=multi-user.target")
	require.Contains(t, diffs[0].Lines, " User=app")
	require.Equal(t, []string{
		"update file /etc/systemd/system/app.service: WantedBy: multi-user.target → app.target; Environment changed; TimeoutStopSec=5s",
		"create directory /etc/systemd/system/app.target.wants",
		"create symlink /etc/systemd/system/app.target.wants/app.service: → /etc/systemd/system/app.service",
		"delete symlink /etc/systemd/system/multi-user.target.wants/app.service: → /etc/systemd/system/app.service",
	}, texts(ensure(t, s)))
	require.Contains(t, tree(t, root), etc+"sockets.target.wants/app.socket", "the link of a unit that is not of the Set was removed")

	require.NoError(t, os.Chmod(root+etc+"app.service", 0o666))
	require.Equal(t, []string{"update file /etc/systemd/system/app.service: mode 0666 → 0644"}, texts(ensure(t, s)))
}

func TestSetInstall(t *testing.T) {
	root := t.TempDir()
	put(t, root, "/usr/lib/systemd/system/vendor@.service", "[Service]\nExecStart=/bin/x\nnonsense\n[Install]\nWantedBy=multi-user.target %i.target\nAlso=other.socket\n")
	put(t, root, "/usr/lib/systemd/system/other.socket", "[Socket]\nListenStream=1\n[Install]\nRequiredBy=sockets.target\n")
	put(t, root, etc+"app.service", "")
	put(t, root, etc+"old.target.wants/app.service", "→ /etc/systemd/system/app.service")
	put(t, root, etc+"former.service", "→ /etc/systemd/system/app.service")
	put(t, root, etc+"app.target.wants/app.service", "→ ../app.service")
	file, err := unit.Parse("app.service", strings.NewReader("[Service]\nExecStart=/bin/app\n[Install]\nWantedBy=app.target\nAlias=web.service\nUpheldBy=top.target\n"))
	require.NoError(t, err)
	job, err := unit.Parse("job@.service", strings.NewReader("[Service]\nExecStart=/bin/job %i\n[Install]\nWantedBy=multi-user.target\nDefaultInstance=one\n"))
	require.NoError(t, err)
	ensure(t, unit.Set{Root: root, Files: []*unit.File{file, job}, Enable: true, Instances: []string{"vendor@a.service", "job@two.service"}})
	got := tree(t, root)
	links := map[string]string{}
	for name, text := range got {
		if strings.HasPrefix(text, "→ ") {
			links[strings.TrimPrefix(name, etc)] = strings.TrimPrefix(text, "→ ")
		}
	}
	require.Equal(t, map[string]string{
		"app.target.wants/app.service":             "../app.service", // it leads there, too
		"web.service":                              "/etc/systemd/system/app.service",
		"top.target.upholds/app.service":           "/etc/systemd/system/app.service",
		"multi-user.target.wants/job@one.service":  "/etc/systemd/system/job@.service",
		"multi-user.target.wants/job@two.service":  "/etc/systemd/system/job@.service",
		"multi-user.target.wants/vendor@a.service": "/usr/lib/systemd/system/vendor@.service",
		"a.target.wants/vendor@a.service":          "/usr/lib/systemd/system/vendor@.service",
		"sockets.target.requires/other.socket":     "/usr/lib/systemd/system/other.socket",
	}, links)
}

func TestSetDropInsMasksPresetsAbsent(t *testing.T) {
	root := t.TempDir()
	put(t, root, etc+"gone.service", "[Service]\n")
	put(t, root, etc+"multi-user.target.wants/gone.service", "→ /etc/systemd/system/gone.service")
	put(t, root, etc+"gone.service.d/mine.conf", "[Service]\nNice=1\n")
	s := unit.Set{
		Root: root,
		DropIns: []unit.DropIn{
			{Unit: "nginx.service", Name: "10-own", Directives: []unit.Directive{{Section: "Service", Name: "ExecStart", Value: ""}, {Section: "Service", Name: "ExecStart", Value: "/bin/true"}, {Section: "Unit", Name: "Description", Value: "x"}}},
			{Unit: "service", Directives: []unit.Directive{{Section: "Service", Name: "Nice", Value: "5"}}},
		},
		Mask: []string{"bad.service"}, Absent: []string{"gone.service", "never.socket"},
		Presets: []unit.Preset{{Name: "50-app", Enable: []string{"app.*"}, Disable: []string{"*"}}},
	}
	ensure(t, s)
	got := tree(t, root)
	require.Equal(t, "[Unit]\nDescription=x\n[Service]\nExecStart=\nExecStart=/bin/true\n", got[etc+"nginx.service.d/10-own.conf"])
	require.Equal(t, "[Service]\nNice=5\n", got[etc+"service.d/50-bedplate.conf"])
	require.Equal(t, "→ /dev/null", got[etc+"bad.service"])
	require.Equal(t, "enable app.*\ndisable *\n", got["/etc/systemd/system-preset/50-app.preset"])
	require.NotContains(t, got, etc+"gone.service")
	require.NotContains(t, got, etc+"multi-user.target.wants/gone.service")
	require.Contains(t, got, etc+"gone.service.d/mine.conf")
}

func TestSetDisabled(t *testing.T) {
	root := t.TempDir()
	put(t, root, "/usr/lib/systemd/system/ssh.service", "[Service]\nExecStart=/bin/x\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\nAlso=ssh.socket\n")
	put(t, root, "/usr/lib/systemd/system/ssh.socket", "[Socket]\nListenStream=22\n[Install]\nWantedBy=sockets.target\n")
	before := tree(t, root)
	on := unit.Set{Root: root, Units: []unit.Unit{app()}, Enable: true, Instances: []string{"ssh.service"}}
	ensure(t, on)
	put(t, root, etc+"by-hand.target.wants/ssh.service", "→ /usr/lib/systemd/system/ssh.service")
	put(t, root, etc+"theirs.service", "→ /usr/lib/systemd/system/ssh.socket")
	off := unit.Set{Root: root, Units: []unit.Unit{app()}, Enable: true, Disabled: []string{"ssh.service", "app.service", "never.service"}}
	require.Equal(t, []string{
		"delete symlink /etc/systemd/system/multi-user.target.wants/app.service: → /etc/systemd/system/app.service",
		"delete symlink /etc/systemd/system/by-hand.target.wants/ssh.service: → /usr/lib/systemd/system/ssh.service",
		"delete symlink /etc/systemd/system/multi-user.target.wants/ssh.service: → /usr/lib/systemd/system/ssh.service",
		"delete symlink /etc/systemd/system/sockets.target.wants/ssh.socket: → /usr/lib/systemd/system/ssh.socket",
		"delete symlink /etc/systemd/system/sshd.service: → /usr/lib/systemd/system/ssh.service",
	}, texts(ensure(t, off)))
	got := tree(t, root)
	require.Contains(t, got, etc+"app.service")
	require.Contains(t, got, etc+"theirs.service")
	for name, text := range before {
		require.Equal(t, text, got[name])
	}
}

func TestSetMissingRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "machine")
	require.Equal(t, []string{
		"create directory /", "create directory /etc", "create directory /etc/systemd", "create directory /etc/systemd/system",
		"create file /etc/systemd/system/app.service",
	}, texts(ensure(t, unit.Set{Root: root, Units: []unit.Unit{app()}})))
	root = filepath.Join(t.TempDir(), "machine")
	require.Empty(t, ensure(t, unit.Set{Root: root, Absent: []string{"app.service"}}))
	require.NoDirExists(t, root)
}

func TestSetAbsentDropIns(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a.service.d/50-bedplate.conf", "a.service.d/60-x.conf", "b.service.d/60-x.conf", "b.service.d/theirs.conf"} {
		put(t, root, etc+name, "[Service]\nNice=1\n")
	}
	put(t, root, "/srv/60-x.conf", "[Service]\nNice=1\n")
	put(t, root, etc+"c.service.d", "→ /srv")
	s := unit.Set{Root: root, AbsentDropIns: []unit.DropIn{
		{Unit: "a.service"}, {Unit: "a.service", Name: "60-x"}, {Unit: "b.service", Name: "60-x.conf"}, {Unit: "c.service", Name: "60-x"}, {Unit: "none.service"}}}
	require.Equal(t, []string{
		"delete file /etc/systemd/system/a.service.d/50-bedplate.conf",
		"delete file /etc/systemd/system/a.service.d/60-x.conf",
		"delete directory /etc/systemd/system/a.service.d",
		"delete file /etc/systemd/system/b.service.d/60-x.conf",
		"delete file /etc/systemd/system/c.service.d/60-x.conf",
	}, texts(ensure(t, s)))
	got := tree(t, root)
	require.Contains(t, got, etc+"b.service.d/theirs.conf")
	require.Equal(t, "→ /srv", got[etc+"c.service.d"])
}

func TestSetTarget(t *testing.T) {
	for file, known := range map[string]bool{
		"/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so": true,
		"/lib/aarch64-linux-gnu/systemd/libsystemd-shared-252.so":    false,
		"/lib/systemd/libsystemd-shared-247.so":                      false,
		"/usr/lib64/systemd/libsystemd-shared-256.7-1.fc41.so":       true,
		"/etc/none": true,
	} {
		root := t.TempDir()
		put(t, root, file, "")
		s := unit.Set{Root: root, Units: []unit.Unit{app()}}
		drops, err := s.Dropped(t.Context())
		require.NoError(t, err)
		require.Equal(t, known, len(drops) == 0, "%s: %v", file, drops)
		ensure(t, s)
		require.Equal(t, known, strings.Contains(tree(t, root)[etc+"app.service"], "RestartSteps="), file)
	}
}

func TestSetUserUnitsUnderARoot(t *testing.T) {
	root := t.TempDir()
	ensure(t, unit.Set{Root: root, Manager: unit.Manager{User: true}, Units: []unit.Unit{app()}, Enable: true})
	require.Contains(t, tree(t, root), "/etc/systemd/user/multi-user.target.wants/app.service")
}

func TestSetSeesOverrides(t *testing.T) {
	root := t.TempDir()
	s := unit.Set{Root: root, Units: []unit.Unit{unit.Service{Name: "app-web", Exec: []string{"/bin/app"}}},
		DropIns: []unit.DropIn{{Unit: "app-web.service", Directives: []unit.Directive{{Section: "Service", Name: "Nice", Value: "1"}}}}}
	ensure(t, s)
	none, err := s.Overrides(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	for _, name := range []string{etc + "app-web.service.d/override.conf", "/usr/lib/systemd/system/service.d/10-all.conf",
		"/run/systemd/system/app-.service.d/x.conf", "/etc/systemd/system.control/app-web.service.d/50-MemoryMax.conf", "/run/systemd/transient/app-web.service"} {
		put(t, root, name, "[Service]\nUser=root\nnonsense\n")
	}
	put(t, root, etc+"app-web.service.d/README", "x")
	put(t, root, etc+"web.service.d/x.conf", "[Service]\nUser=root\n")
	found, err := s.Overrides(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 5)
	require.Equal(t, unit.Override{Unit: "app-web.service", Path: "/etc/systemd/system.control/app-web.service.d/50-MemoryMax.conf",
		Directives: []unit.Directive{{Section: "Service", Name: "User", Value: "root"}}}, found[0])
	s.NoOverrides = true
	_, err = s.Ensure(t.Context())
	var overridden *unit.OverriddenError
	require.ErrorAs(t, err, &overridden)
	require.Equal(t, found, overridden.Overrides)
}

// Nothing is written where something is refused.
func TestSetRefuses(t *testing.T) {
	nice := []unit.Directive{{Section: "Service", Name: "Nice", Value: "1"}}
	for name, c := range map[string]struct {
		there map[string]string
		set   unit.Set
		want  string
		as    any
	}{
		"a slash in the name": {set: unit.Set{Units: []unit.Unit{unit.Service{Name: "a/b", Exec: []string{"/bin/a"}}}}, want: `"a/b.service" is no unit name`},
		"an instance's slash": {set: unit.Set{Instances: []string{"a@../x.service"}}, want: "no unit name"},
		"a bad unit among good ones": {set: unit.Set{Units: []unit.Unit{app(), unit.Service{Name: "b", Exec: []string{"relative"}}}},
			want: "must be an absolute path"},
		"one name twice":   {set: unit.Set{Units: []unit.Unit{app(), app()}}, want: "app.service is both in Units and in Units"},
		"wanted and gone":  {set: unit.Set{Units: []unit.Unit{app()}, Absent: []string{"app.service"}}, want: "both in Units and in Absent"},
		"wanted and off":   {set: unit.Set{Instances: []string{"a@b.service"}, Disabled: []string{"a@b.service"}}, want: "a@b.service is both in Instances and in Disabled"},
		"off and gone":     {set: unit.Set{Absent: []string{"a.service"}, Disabled: []string{"a.service"}}, want: "a.service is both in Absent and in Disabled"},
		"off, of no name":  {set: unit.Set{Disabled: []string{"../a.service"}}, want: "no unit name"},
		"nil":              {set: unit.Set{Units: []unit.Unit{nil}}, want: "Units[0] is nil"},
		"a policy of none": {set: unit.Set{OnChange: "x"}, want: `OnChange="x"`},
		"a masked unit": {there: map[string]string{etc + "app.service": "→ /dev/null"}, set: unit.Set{Units: []unit.Unit{app()}},
			want: "app.service is masked", as: new(*unit.MaskedError)},
		"a link out of the tree": {there: map[string]string{etc + "app.service": "→ ../../../../etc/passwd"}, set: unit.Set{Units: []unit.Unit{app()}},
			want: "is a symlink to ../../../../etc/passwd", as: new(*unit.OccupiedError)},
		"a directory": {there: map[string]string{etc + "app.service/x": ""}, set: unit.Set{Units: []unit.Unit{app()}}, want: "app.service is a directory", as: new(*unit.OccupiedError)},
		"a file in a link's place": {there: map[string]string{etc + "multi-user.target.wants/app.service": "x"}, set: unit.Set{Units: []unit.Unit{app()}, Enable: true},
			want: "is a file", as: new(*unit.OccupiedError)},
		"an instance of no template": {set: unit.Set{Units: []unit.Unit{app()}, Enable: true, Instances: []string{"no@x.service"}},
			want: "there is no no@.service", as: new(*unit.MissingError)},
		"a mask over a file": {there: map[string]string{etc + "x.service": "[Service]\n"}, set: unit.Set{Units: []unit.Unit{app()}, Mask: []string{"x.service"}},
			want: "is a file", as: new(*unit.OccupiedError)},
		"a drop-in that smuggles": {set: unit.Set{Units: []unit.Unit{app()}, DropIns: []unit.DropIn{{Unit: "x.service", Directives: []unit.Directive{{Section: "Service", Name: "Nice", Value: "1\nUser=root"}}}}},
			want: "control character"},
		"a drop-in elsewhere": {set: unit.Set{DropIns: []unit.DropIn{{Unit: "x.service", Name: "../x", Directives: []unit.Directive{{Section: "Service", Name: "Nice", Value: "1"}}}}}, want: "is no file name"},
		"a drop-in twice": {set: unit.Set{DropIns: []unit.DropIn{{Unit: "x.service", Name: "a", Directives: nice}}, AbsentDropIns: []unit.DropIn{{Unit: "x.service", Name: "a.conf"}}},
			want: "x.service.d/a.conf is both in DropIns[0] and in AbsentDropIns[0]"},
		"two drop-ins of a name": {set: unit.Set{DropIns: []unit.DropIn{{Unit: "x.service", Directives: nice}, {Unit: "x.service", Directives: nice}}},
			want: "DropIns[0] and DropIns[1] are both x.service.d/50-bedplate.conf; give each a Name"},
		"a drop-in to go elsewhere": {set: unit.Set{AbsentDropIns: []unit.DropIn{{Unit: "x.service", Name: "../x"}}}, want: "AbsentDropIns[0] is no file name"},
		"a drop-in to go of a path": {set: unit.Set{AbsentDropIns: []unit.DropIn{{Unit: "../x.service"}}}, want: "AbsentDropIns[0] is for \"../x.service\", which is no unit name"},
		"an empty drop-in":          {set: unit.Set{DropIns: []unit.DropIn{{Unit: "x.service"}}}, want: "holds nothing"},
		"a preset's line":           {set: unit.Set{Presets: []unit.Preset{{Name: "x", Enable: []string{"a\ndisable *"}}}}, want: "no name of a unit"},
		"a file that systemd would ignore in part": {set: unit.Set{Units: []unit.Unit{app()}, Files: []*unit.File{parsed(t, "x.service", "[Service]\nExecStart=/bin/x\nMemoryMax=512MB\n")}},
			want: "MemoryMax=512MB is ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			c.set.Root = t.TempDir()
			for at, text := range c.there {
				put(t, c.set.Root, at, text)
			}
			before := tree(t, c.set.Root)
			_, err := c.set.Ensure(t.Context())
			require.ErrorContains(t, err, c.want)
			if c.as != nil {
				require.ErrorAs(t, err, c.as)
			}
			_, err = c.set.Plan(t.Context())
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, tree(t, c.set.Root))
		})
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := unit.Set{Root: t.TempDir(), Units: []unit.Unit{app()}}.Ensure(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func parsed(t *testing.T, name, text string) *unit.File {
	t.Helper()
	f, err := unit.Parse(name, strings.NewReader(text))
	require.NoError(t, err)
	return f
}
