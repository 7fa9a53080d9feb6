package account_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
)

func put(t testing.TB, root, name, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(makeFile(t, root, name, mode), []byte(text), mode))
	require.NoError(t, os.Chmod(filepath.Join(root, name), mode))
}

// cleanRoot is a small machine on which the user app can do no harm, though many
// things look like it.
func cleanRoot(t testing.TB) string {
	root := newRoot(t)
	put(t, root, "etc/passwd", fmt.Sprintf("root:x:0:0::/root:/bin/sh\napp:x:%d:%[1]d::/nonexistent:/usr/sbin/nologin\n", stranger), 0o644)
	put(t, root, "etc/group", fmt.Sprintf("app:x:%d:\nmine:x:%d:\nother:x:777:\n", stranger, os.Getgid()), 0o644)
	makeDir(t, root, "tmp", 0o777|os.ModeSticky)
	makeDir(t, root, "srv/work", 0o777)
	put(t, root, "usr/bin/tool", "#!/bin/sh\n", 0o755)
	put(t, root, "bin/sh", "", 0o755)
	put(t, root, "opt/app/bin/app", "", 0o755)
	put(t, root, "srv/work/data", "", 0o644)
	put(t, root, "root/.profile", "", 0o666)
	require.NoError(t, os.Chmod(filepath.Join(root, "root"), 0o700))
	put(t, root, "dev/null", "", 0o666)
	link(t, root, "/dev/null", "etc/systemd/system/masked.service")
	link(t, root, "/", "usr/share/everything")
	link(t, root, "/nowhere", "etc/broken")
	link(t, root, "loop", "etc/loop")
	put(t, root, "etc/cron.d/job", "# every\nPATH=/bin\n*/5 * * * * root /usr/bin/tool --log >>/srv/work/log 2>&1\n@daily app /srv/work/data\n", 0o644)
	put(t, root, "etc/systemd/system/app.service", `[Service]
User=app
ExecStartPre=/srv/work/data
ExecStart=/opt/app/bin/app \
  --data /srv/work/data
# ExecStartPost=+/srv/work/data
EnvironmentFile=-/etc/app/env
`, 0o644)
	put(t, root, "usr/lib/systemd/system/other@.service", "[Service]\nExecStart=/usr/bin/tool %i /srv/work\nEnvironmentFile=/srv/work/%i\n", 0o644)
	put(t, root, "usr/lib/systemd/system/dynamic.service", "[Service]\nDynamicUser=yes\nExecStart=/srv/work/data\n", 0o644)
	put(t, root, "etc/ld.so.conf.d/libc.conf", "# libc\n/usr/lib\n", 0o644)
	return root
}

func TestAuditClean(t *testing.T) {
	found, err := account.Audit{Root: cleanRoot(t), User: "app"}.Run(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestAuditFindsEach(t *testing.T) {
	unit := func(name, text string) func(testing.TB, string) {
		return func(t testing.TB, root string) {
			put(t, root, "etc/systemd/system/"+name, "[Service]\n"+text+"\n", 0o644)
		}
	}
	for name, c := range map[string]struct {
		plant func(t testing.TB, root string)
		want  string // path: how: what can be written
	}{
		"group-writable parent": {func(t testing.TB, root string) {
			put(t, root, "etc/cron.daily/job", "", 0o755)
			makeDir(t, root, "etc/cron.daily", 0o775)
			put(t, root, "etc/group", fmt.Sprintf("app:x:%d:\nmine:x:%d:app\n", stranger, os.Getgid()), 0o644)
		}, "/etc/cron.daily (configuration): the user can write /etc/cron.daily (group"},
		"ACL":            {func(t testing.TB, root string) { allow(t, makeFile(t, root, "usr/local/sbin/tool", 0o755), 7, 0, 7) }, "/usr/local/sbin/tool (program or library): the user can write /usr/local/sbin/tool (access control list)"},
		"link to a file": {func(t testing.TB, root string) { link(t, root, "/srv/work/data", "etc/app.conf") }, "/etc/app.conf (configuration): the user can replace data in /srv/work (everybody)"},
		"dangling link":  {func(t testing.TB, root string) { link(t, root, "../tmp/later", "etc/app.conf") }, "/etc/app.conf (configuration): the user can replace later in /tmp (everybody)"},
		"chain of links": {func(t testing.TB, root string) {
			link(t, root, "/opt/alt/x", "usr/bin/x")
			link(t, root, "/srv/work/x", "opt/alt/x")
		}, "/usr/bin/x (program or library): the user can replace x in /srv/work (everybody)"},
		"link to a folder": {func(t testing.TB, root string) {
			put(t, root, "opt/conf/x", "", 0o646)
			link(t, root, "/opt/conf", "etc/app.d")
		}, "/opt/conf/x (configuration, by the link /etc/app.d): the user can write /opt/conf/x (everybody)"},
		"drop-in":        {func(t testing.TB, root string) { put(t, root, "etc/systemd/system/other.service.d/x.conf", "", 0o666) }, "/etc/systemd/system/other.service.d/x.conf (configuration): the user can write /etc/systemd/system/other.service.d/x.conf (everybody)"},
		"drop-ins":       {func(t testing.TB, root string) { makeDir(t, root, "run/systemd/system/app.service.d", 0o757) }, "/run/systemd/system/app.service.d (unit): the user can write /run/systemd/system/app.service.d (everybody)"},
		"root's program": {unit("root.service", "ExecStart=-/srv/work/prog --x"), "/srv/work/prog (run by root (ExecStart=) for root.service): the user can replace prog in /srv/work (everybody)"},
		"with +":         {unit("app.service", "User=app\nExecStart=/x\nExecStopPost=-+/srv/work/data"), "/srv/work/data (run by root (ExecStopPost=) for app.service): the user can replace data in /srv/work (everybody)"},
		"by drop-in": {func(t testing.TB, root string) {
			unit("second@.service", "User=app\nExecStart=/srv/work/old")(t, root)
			unit("second@1.service.d/x.conf", "User=root\nExecStart=\nExecStart=/srv/work/data")(t, root)
		}, "/srv/work/data (run by root (ExecStart=) for second@1.service): the user can replace data in /srv/work (everybody)"},
		"root's script":    {unit("root.service", "ExecStart=/bin/sh \"/srv/work/data\""), "/srv/work/data (given to what root runs (ExecStart=) for root.service): the user can replace data in /srv/work (everybody)"},
		"environment file": {unit("app.service", "User=app\nExecStart=/x\nEnvironmentFile=-/srv/work/env"), "/srv/work/env (read by systemd (EnvironmentFile=) for app.service): the user can replace env in /srv/work (everybody)"},
		"credential":       {unit("app.service", "User=app\nExecStart=/x\nLoadCredential=tls:/srv/work/data"), "/srv/work/data (read by systemd (LoadCredential=) for app.service): the user can replace data in /srv/work (everybody)"},
		"interpreter": {func(t testing.TB, root string) {
			put(t, root, "opt/x.py", "#! /srv/work/python3 -I\n", 0o755)
			unit("root.service", "ExecStart=/opt/x.py")(t, root)
		}, "/srv/work/python3 (interpreter of /opt/x.py): the user can replace python3 in /srv/work (everybody)"},
		"cron": {func(t testing.TB, root string) {
			put(t, root, "etc/crontab", "1 2 * * * root cd /x && /srv/work/data\n", 0o644)
		}, "/srv/work/data (run by root (/etc/crontab)): the user can replace data in /srv/work (everybody)"},
		"root's own cron": {func(t testing.TB, root string) {
			put(t, root, "var/spool/cron/crontabs/root", "@reboot /srv/work/job\n", 0o600)
		}, "/srv/work/job (run by root (/var/spool/cron/crontabs/root)): the user can replace job in /srv/work (everybody)"},
		"crontabs":          {func(t testing.TB, root string) { makeDir(t, root, "var/spool/cron/crontabs", 0o773|os.ModeSticky) }, "/var/spool/cron/crontabs/root (root's crontab): the user can replace root in /var/spool/cron/crontabs (everybody)"},
		"libraries":         {func(t testing.TB, root string) { put(t, root, "etc/ld.so.conf.d/app.conf", "/srv/work/lib\n", 0o644) }, "/srv/work/lib (libraries of every program (/etc/ld.so.conf.d/app.conf)): the user can replace lib in /srv/work (everybody)"},
		"preloaded library": {func(t testing.TB, root string) { put(t, root, "etc/ld.so.preload", "/srv/work/l.so\n", 0o644) }, "/srv/work/l.so (loaded into every program (/etc/ld.so.preload)): the user can replace l.so in /srv/work (everybody)"},
		"root's profile":    {func(t testing.TB, root string) { require.NoError(t, os.Chmod(filepath.Join(root, "root"), 0o755)) }, "/root/.profile (root's own files): the user can write /root/.profile (everybody)"},
		"sticky directory":  {func(t testing.TB, root string) { makeDir(t, root, "etc/sudoers.d", 0o777|os.ModeSticky) }, "/etc/sudoers.d (configuration): the user can write /etc/sudoers.d (everybody)"},
		"a unit's group": {func(t testing.TB, root string) {
			allowGroup(t, makeFile(t, root, "etc/x", 0o644), 777)
			unit("second.service", "User=app\nExecStart=/x\nSupplementaryGroups=other 778")(t, root)
		}, "/etc/x (configuration): the user can write /etc/x (access control list, group 777)"},
		"/": {func(t testing.TB, root string) { require.NoError(t, os.Chmod(root, 0o757)) }, "/etc (configuration): the user can replace etc in / (everybody)"},
	} {
		t.Run(name, func(t *testing.T) {
			root := cleanRoot(t)
			c.plant(t, root)
			found, err := account.Audit{Root: root, User: "app"}.Run(t.Context())
			require.NoError(t, err)
			var all []string
			for _, f := range found {
				all = append(all, f.String())
			}
			if name == "/" {
				require.Greater(t, len(all), 5)
			} else {
				require.Len(t, all, 1, strings.Join(all, "\n"))
			}
			require.Contains(t, strings.Join(all, "\n"), c.want)
		})
	}
}

func TestAuditPaths(t *testing.T) {
	root := cleanRoot(t)
	put(t, root, "opt/app/plugins/p.so", "", 0o666)
	found, err := account.Audit{Root: root, User: "app", Paths: []string{"/opt/app"}}.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "/opt/app/plugins/p.so (named by the caller): the user can write /opt/app/plugins/p.so (everybody)", found[0].String())
}

func TestAuditRefuses(t *testing.T) {
	root := cleanRoot(t)
	field := (*account.FieldError)(nil)
	for _, a := range []account.Audit{{User: "root"}, {User: "x y"}, {User: "app", Paths: []string{"opt"}}} {
		a.Root = root
		_, err := a.Run(t.Context())
		require.ErrorAs(t, err, &field)
	}
	_, err := account.Audit{Root: root, User: "missing"}.Run(t.Context())
	require.ErrorIs(t, err, account.ErrUnknown)
}
