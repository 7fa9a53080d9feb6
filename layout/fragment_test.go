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
		layout.File{Path: "/f/content", Content: []byte("\n a %h \\ \"quoted\"\t\xff\n "), Mode: 0o640, Group: "app"},
		layout.File{Path: "/f/once", Content: []byte("-"), Mode: 0o600, Owner: "app", CreateOnly: true},
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
	} {
		_, err := layout.Tree{Entries: []layout.Entry{layout.Dir{Path: "/var/app", Owner: "app"}, layout.File{Path: "/var/app/theirs/f"}, e}}.Tmpfiles()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter")
	}
	for line, want := range map[string]string{
		"z /a 0644": "type z is no entry", "d /%h": "specifier", "d /a - - - 10d": "age", "d /a ~0755": `mode "~0755"`, "R /a/*": "pattern",
		"f /a - - - - %h": "specifier", "L /a - - - - /%b": "specifier", "d /a 0644": "can't enter", "d /a/../b": `".."`, "nonsense": "no line type", "L /a": "target",
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
