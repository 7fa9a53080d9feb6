package account

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// hasty is a name service switch that another process is faster than: when it is
// asked, the account is in the files already.
type hasty struct {
	noDirectory
	root  string
	asked int
}

func (h *hasty) user(_ context.Context, name string) (passwd.User, bool, error) {
	h.asked++
	for file, text := range map[string]string{"passwd": "app:x:901:901::/nonexistent:/bin/sh\n", "group": "app:x:901:\n"} {
		if err := os.WriteFile(filepath.Join(h.root, "etc", file), []byte(text), 0o644); err != nil {
			return passwd.User{}, false, err
		}
	}
	return passwd.User{Name: name, UID: 901, GID: 901, Home: "/nonexistent", Shell: "/bin/sh"}, true, nil
}

func TestMadeMeanwhile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	root, err := rootfs.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	h := &hasty{root: dir}
	p := &planner{ctx: t.Context(), root: root, set: Set{Users: []User{{Name: "app", SubIDs: true}}}, wide: h, backend: Files}
	require.NoError(t, p.reload())
	steps, err := p.plan()
	require.NoError(t, err)
	require.Equal(t, 1, h.asked)
	require.Len(t, steps, 1)
	require.Equal(t, "shell /bin/sh → /usr/sbin/nologin, subordinate ids 100000 to 165535, by editing the files", steps[0].change.Detail)
}

// far is a directory service.
type far struct{ noDirectory }

func (far) user(context.Context, string) (passwd.User, bool, error) {
	return passwd.User{Name: "app", UID: 61200, GID: 61200}, true, nil
}

func TestLent(t *testing.T) {
	root, err := rootfs.Open(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	p := &planner{ctx: t.Context(), root: root, set: Set{Users: []User{{Name: "app"}}}, wide: far{}, backend: Files}
	require.NoError(t, p.reload())
	_, err = p.plan()
	conflict := (*ConflictError)(nil)
	require.ErrorAs(t, err, &conflict)
	require.Contains(t, conflict.Have, "lent to a running unit")
}

// Whatever units and crontabs hold, what comes out are paths, and the same text
// gives the same ones.
func FuzzUses(f *testing.F) {
	for _, s := range []string{"[Service]\nExecStart=-+/a/b \"/c d\" \\\n ; x\nUser=app\nEnvironmentFile=-/e%%\n", "* * * * * root /a>/b 2>&1|/c\n@daily root /d;'/e'\n", "\\", "[\n=\nExecStart=\nExecStart=@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u := unitFile{name: "x.service", settings: settings(text)}
		all := append(u.uses(), crontab(text, "/etc/crontab", true)...)
		for _, one := range append(all, crontab(text, "/x", false)...) {
			require.True(t, filepath.IsAbs(one.path), "%q", one.path)
		}
		require.Equal(t, u.uses(), unitFile{name: "x.service", settings: settings(text)}.uses())
	})
}
