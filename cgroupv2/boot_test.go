package cgroupv2

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate"
)

// tree makes a machine's files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		require.NoError(t, os.WriteFile(p, []byte(text), 0o640))
	}
	return root
}

func content(t *testing.T, root, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(b)
}

// ensures plans, does, and does it again.
func ensures(t *testing.T, r bedplate.Resource) []bedplate.Change {
	t.Helper()
	planned, err := r.Plan(context.Background())
	require.NoError(t, err)
	done, err := r.Ensure(context.Background())
	require.NoError(t, err)
	require.Equal(t, planned, done)
	again, err := r.Ensure(context.Background())
	require.NoError(t, err)
	require.Empty(t, again)
	return done
}

const debianGrub = `# If you change this file, run 'update-grub' afterwards
GRUB_DEFAULT=0
GRUB_DISTRIBUTOR=` + "`( . /etc/os-release; echo ${NAME:-Debian} ) 2>/dev/null || echo Debian`" + `
GRUB_CMDLINE_LINUX_DEFAULT="quiet psi=0"
# GRUB_CMDLINE_LINUX="a comment"
GRUB_CMDLINE_LINUX=""
GRUB_TERMINAL=console # the rest
`

func TestBootDebian(t *testing.T) {
	root := tree(t, map[string]string{
		grubFile:                      debianGrub,
		grubFolder + "/50-cloud.cfg":  "GRUB_CMDLINE_LINUX='console=tty0   dyndbg=\"file a.c +p\" psi=0'\n",
		grubFolder + "/60-append.cfg": "export GRUB_CMDLINE_LINUX+=\" $EXTRA\"\n",
		grubFolder + "/ignored":       "GRUB_CMDLINE_LINUX=`broken\n",
	})
	done := ensures(t, Boot{Root: root})
	require.Equal(t, "update file /etc/default/grub: kernel command line: +systemd.unified_cgroup_hierarchy=1 +cgroup_no_v1=all +psi=1", done[0].String())
	require.Len(t, done, 2)
	want := strings.Replace(debianGrub, `"quiet psi=0"`, `"quiet"`, 1)
	want = strings.Replace(want, "\nGRUB_CMDLINE_LINUX=\"\"", "\nGRUB_CMDLINE_LINUX=\"systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all psi=1\"", 1)
	require.Equal(t, want, content(t, root, grubFile))
	require.Equal(t, "GRUB_CMDLINE_LINUX='console=tty0   dyndbg=\"file a.c +p\" psi=1 systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all'\n", content(t, root, grubFolder+"/50-cloud.cfg"))
	info, err := os.Stat(filepath.Join(root, grubFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm(), "as it was")

	s, err := Boot{Root: root}.State()
	require.NoError(t, err)
	require.Equal(t, BootState{Next: []BootEntry{{File: grubFile}}}, s)

	ensures(t, Boot{Root: root, Absent: true})
	require.Equal(t, strings.Replace(debianGrub, ` psi=0"`, `"`, 1), content(t, root, grubFile), "undone; what was replaced does not come back")
}

func TestBootAddsTheVariable(t *testing.T) {
	root := tree(t, map[string]string{grubFile: "GRUB_DEFAULT=0"})
	ensures(t, Boot{Root: root, Args: []string{"psi=1"}})
	require.Equal(t, "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX=\"psi=1\"\n", content(t, root, grubFile))
	root = tree(t, map[string]string{grubFile: "GRUB_CMDLINE_LINUX=quiet # x\n"})
	ensures(t, Boot{Root: root, Args: []string{"psi=1"}})
	require.Equal(t, "GRUB_CMDLINE_LINUX=\"quiet psi=1\" # x\n", content(t, root, grubFile))
}

// Fedora's and systemd-boot's forms, by fixtures: they were not booted.
func TestBootEntries(t *testing.T) {
	const fedora = "title Fedora Linux (6.11)\nversion 6.11\nlinux /vmlinuz-6.11\ninitrd /initramfs-6.11.img\noptions root=UUID=1-2 ro $tuned_params  quiet\ngrub_users $grub_users\n"
	const sdboot = "# made by hand\ntitle\tDebian\nlinux      /abc/6.1/linux\noptions    root=PARTUUID=3 systemd.unified_cgroup_hierarchy=0\noptions psi=0 panic=9\n"
	root := tree(t, map[string]string{
		"/boot/loader/entries/fedora.conf":     fedora,
		"/boot/efi/loader/entries/debian.conf": sdboot,
		"/boot/efi/loader/entries/shell.conf":  "title EFI Shell\nefi /shellx64.efi\noptions -startup\n",
		"/boot/efi/loader/entries/bare.conf":   "title x\nlinux /linux",
		"/boot/loader/entries/readme.txt":      "options \"",
		"/etc/kernel/cmdline":                  "root=UUID=1-2 ro\n",
	})
	before, err := Boot{Root: root}.State()
	require.NoError(t, err)
	require.Len(t, before.Next, 4)
	require.Equal(t, UnifiedArgs(), before.Next[0].Lacks)
	ensures(t, Boot{Root: root})
	require.Equal(t, strings.Replace(fedora, "quiet\n", "quiet systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all psi=1\n", 1), content(t, root, "/boot/loader/entries/fedora.conf"))
	require.Equal(t, "# made by hand\ntitle\tDebian\nlinux      /abc/6.1/linux\noptions    root=PARTUUID=3 systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all psi=1\noptions panic=9\n", content(t, root, "/boot/efi/loader/entries/debian.conf"))
	require.Equal(t, "title x\nlinux /linux\noptions systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all psi=1\n", content(t, root, "/boot/efi/loader/entries/bare.conf"))
	require.Equal(t, "title EFI Shell\nefi /shellx64.efi\noptions -startup\n", content(t, root, "/boot/efi/loader/entries/shell.conf"))
	require.Equal(t, "root=UUID=1-2 ro systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all psi=1\n", content(t, root, "/etc/kernel/cmdline"))
	ensures(t, Boot{Root: root, Absent: true})
	require.Equal(t, fedora, content(t, root, "/boot/loader/entries/fedora.conf"))
	require.Equal(t, "root=UUID=1-2 ro\n", content(t, root, "/etc/kernel/cmdline"))
}

// What can't be understood is refused with its place, and nothing is half edited.
func TestBootThatCannotBeUnderstood(t *testing.T) {
	for name, row := range map[string]struct {
		files map[string]string
		line  int
	}{
		"a command":          {map[string]string{grubFile: "\nGRUB_CMDLINE_LINUX=\"$(echo x)\"\n"}, 2},
		"backquotes":         {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=\"`x`\"\n"}, 1},
		"an open quote":      {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=\"x\n"}, 1},
		"an open single one": {map[string]string{grubFile: "GRUB_CMDLINE_LINUX='x\n"}, 1},
		"pieces":             {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=\"x\"'y'\n"}, 1},
		"bare and quoted":    {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=x\"y\"\n"}, 1},
		"a variable":         {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=$x\n"}, 1},
		"the kernel's quote": {map[string]string{grubFile: "GRUB_CMDLINE_LINUX='a=\"b'\n"}, 1},
		"a drop-in":          {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=\"\"\n", grubFolder + "/x.cfg": "a\nb\nGRUB_CMDLINE_LINUX=\"$(x)\"\n"}, 3},
		"kernelopts":         {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=\"\"\n", "/boot/loader/entries/a.conf": "linux x\noptions $kernelopts\n"}, 2},
		"cmdline":            {map[string]string{grubFile: "GRUB_CMDLINE_LINUX=\"\"\n", "/etc/kernel/cmdline": "a=\"b\n"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, row.files)
			for _, do := range []func(context.Context) ([]bedplate.Change, error){Boot{Root: root}.Plan, Boot{Root: root}.Ensure} {
				_, err := do(t.Context())
				var bad *BootError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, row.line, bad.Line)
			}
			for f, text := range row.files {
				require.Equal(t, text, content(t, root, f))
			}
		})
	}
	_, err := Boot{Root: tree(t, map[string]string{"/etc/passwd": ""})}.Plan(t.Context())
	require.ErrorIs(t, err, ErrNoBoot)
	_, err = Boot{Root: tree(t, map[string]string{"/boot/efi/EFI/Linux/debian.efi": ""})}.Plan(t.Context())
	require.ErrorIs(t, err, ErrNoBoot)
	require.ErrorContains(t, err, "unified kernel images")
	for _, args := range [][]string{{"a b"}, {"a=\"b\""}, {"psi=1", "psi=0"}, {"psi=1", "psi=1"}, {"--"}, {""}, {"a\nb"}, {"x=$y"}} {
		_, err := Boot{Args: args}.Plan(t.Context())
		var field *FieldError
		require.ErrorAs(t, err, &field, "%q", args)
	}
	_, err = Boot{Args: []string{"console=tty0", "console=ttyS0"}}.wish()
	require.NoError(t, err)
}

func TestLinuxLines(t *testing.T) {
	const config = "### BEGIN /etc/grub.d/10_linux ###\nmenuentry 'Debian' {\n\tlinux\t/boot/vmlinuz-6.1 root=UUID=1 ro  quiet\n\tinitrd x\n}\n### END /etc/grub.d/10_linux ###\n" +
		"### BEGIN /etc/grub.d/30_os-prober ###\n linux /other root=/dev/x\n### END /etc/grub.d/30_os-prober ###\n"
	require.Equal(t, []string{"root=UUID=1 ro quiet"}, linuxLines(config))
}

func FuzzBootFiles(f *testing.F) {
	for _, s := range []string{
		debianGrub, "GRUB_CMDLINE_LINUX='a=\"b c\"'", "GRUB_CMDLINE_LINUX=x#y", "export GRUB_CMDLINE_LINUX_DEFAULT+=\"psi=0 \\\"\"", "linux x\noptions a psi=0\noptions psi=1", "linux\noptions", "GRUB_CMDLINE_LINUX=\"a\\\\\"\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := wish{args: []string{"psi=1", "cgroup_no_v1=all"}}
		if edited, found, err := editGrub("f", text, w); err == nil {
			again, _, err := editGrub("f", edited, w)
			require.NoError(t, err, "%q", edited)
			require.Equal(t, edited, again)
			a, _ := parseGrub("f", text)
			b, _ := parseGrub("f", edited)
			require.Len(t, b, len(a))
			for i := range a { // what is foreign is there, in order; what is between, too
				require.Equal(t, w.foreign(text[a[i].from:a[i].to], a[i].decode()), w.foreign(edited[b[i].from:b[i].to], b[i].decode()), "%q", edited)
				if a[i].name == grubLinux && !a[i].appends {
					require.True(t, found)
					require.Empty(t, w.lacks(edited[b[i].from:b[i].to], b[i].decode()), "%q", edited)
				}
			}
			if len(a) == 0 {
				require.Equal(t, text, edited)
			}
		}
		if edited, err := editEntry("f", text, w); err == nil {
			again, err := editEntry("f", edited, w)
			require.NoError(t, err)
			require.Equal(t, edited, again)
			if options, kernel := entryOptions(edited); kernel {
				before, _ := entryOptions(text)
				require.Empty(t, w.lacks(options, nil), "%q", edited)
				require.Equal(t, w.foreign(before, nil), w.foreign(options, nil))
			}
		}
		_ = linuxLines(text)
	})
}
