package layout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/tmpfiles"
	"github.com/bedplate/bedplate/layout"
)

func TestTmpfilesRoundTrip(t *testing.T) {
	entries := []layout.Entry{
		layout.Absent{Path: "/a/*[gone]", Recursive: true},
		layout.Absent{Path: "/a/gone"},
		layout.Dir{Path: "/d/100% \"sp ace\"", Mode: 0o2775, Owner: "app", Group: "crew"},
		layout.Dir{Path: "/d/default", Mode: 0o755},
		layout.Dir{Path: "/d/granted", Mode: 0o750, Grants: []layout.Grant{{User: "app", Rights: 7}, {Group: "crew", Rights: 5}}, Inherited: []layout.Grant{{User: "backup", Rights: 4}}, Attributes: map[string]string{"user.origin": "a \"b\" 100%\n", "user.x": ""}},
		layout.File{Path: "/f/content", Content: []byte("\n a %h \\ \"quoted\"\t\xff\n "), Mode: 0o640, Group: "app"},
		layout.File{Path: "/f/once", Content: []byte("-"), Mode: 0o600, Owner: "app", CreateOnly: true},
		layout.File{Path: "/f/private", Content: []byte("x"), Mode: 0o600, Grants: []layout.Grant{{User: "1000", Rights: 6}}},
		layout.File{Path: "/f/setuid", Content: []byte{}, Mode: 0o4755, Privileged: true, Owner: "1000"},
		layout.Symlink{Path: "/l", Target: "../100%/with blank"},
	}
	b, err := layout.Tree{Entries: entries}.Tmpfiles()
	require.NoError(t, err)
	got, err := layout.ParseTmpfiles(b)
	require.NoError(t, err)
	require.Equal(t, entries, got)
}

func TestTmpfilesCantSay(t *testing.T) {
	for want, e := range map[string]layout.Entry{
		"it is a secret":         layout.File{Path: "/f", Content: []byte("hunter2"), Secret: true},
		"no way to say Purge":    layout.Dir{Path: "/d", Purge: []string{"*"}},
		"NUL byte":               layout.File{Path: "/f", Content: []byte("a\x00")},
		"write a newline":        layout.Dir{Path: "/a\nb"},
		"its source: ":           layout.File{Path: "/f", Source: layout.FromHost("/nowhere")},
		"is not 64 hex":          layout.File{Path: "/f", SHA256: "x"},
		"through a directory of": layout.Dir{Path: "/var/app/theirs"},
		"can't be recorded: systemd-tmpfiles does not": layout.File{Path: "/var/app/f", Owner: "app", Grants: []layout.Grant{{User: "1", Rights: 4}}},
		"attribute has a NUL":                          layout.File{Path: "/g", Attributes: map[string]string{"user.x": "a\x00"}},
	} {
		_, err := layout.Tree{Entries: []layout.Entry{layout.Dir{Path: "/var/app", Owner: "app"}, layout.File{Path: "/var/app/theirs/f"}, e}}.Tmpfiles()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter")
	}
	for line, want := range map[string]string{
		"z /a 0644": "type z is no entry", "d /%h": "specifier", "d /a - - - 10d": "age", "d /a ~0755": `mode "~0755"`, "R /a/*": "pattern",
		"f /a - - - - %h": "specifier", "L /a - - - - /%b": "specifier", "d /a 0644": "can't enter", "d /a/../b": `".."`, "nonsense": "no line type", "L /a": "target",
		"d /a\na /a - - - - u:app:rwx": "not a whole list", "d /a\na /a - - - - u::rwx,u:app:rwx,g::r-x,m::r-x,o::r-x": "mask", "d /a\na /a - - - - u::r-x,u:app:rwx,g::r-x,m::rwx,o::r-x": "not those of mode",
		"d /a\na /a - - - - nonsense": "no entry of acl(5)", "a /b - - - - u::rwx,u:app:r-x,g::r-x,m::r-x,o::r-x": "no line makes it", "f /a\nt /a - - - - user.x": "no attribute",
		"f /a\na /a - - - - d:u::rw-,d:u:app:r-x,d:g::r--,d:m::r-x,d:o::r--": "nothing that is inherited", "L /a - - - - b\nt /a - - - - user.x=y": "only directories and files", "f /a\nt /a - - - - system.x=y": "no name of an attribute",
	} {
		_, err := layout.ParseTmpfiles([]byte(line + "\n"))
		require.ErrorContains(t, err, want, line)
	}
}

func FuzzParseTmpfiles(f *testing.F) {
	for _, s := range []string{"d /a 0755 root root\n", "f+ /b 4755 app - - x\\n\n", "L /c - - - - t\n", "R /d\n", "f /e - - staff\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := layout.ParseTmpfiles(b)
		if err != nil {
			return
		}
		tree := layout.Tree{Entries: entries}
		again, err := tree.Tmpfiles()
		if err != nil {
			return // the lines contradict each other, or go through somebody's directory
		}
		_, err = tmpfiles.Parse(again)
		require.NoError(t, err)
		entries, err = layout.ParseTmpfiles(again)
		require.NoError(t, err)
		twice, err := layout.Tree{Entries: entries}.Tmpfiles()
		require.NoError(t, err)
		require.Equal(t, string(again), string(twice))
	})
}
