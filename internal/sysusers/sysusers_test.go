package sysusers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/sysusers"
)

func TestRoundTrip(t *testing.T) {
	lines := []sysusers.Line{
		{Type: sysusers.Group, Name: "app"},
		{Type: sysusers.Group, Name: "crew", ID: "950"},
		{Type: sysusers.User, Name: "app", ID: "998:app", Comment: `100% "our" app\s # one`, Home: "/nonexistent", Shell: "/usr/sbin/nologin"},
		{Type: sysusers.User, Name: "bare"},
		{Type: sysusers.User, Name: "shell", Shell: "/bin/false"},
		{Type: sysusers.Member, Name: "app", ID: "crew"},
		{Type: sysusers.Range, ID: "500-900"},
	}
	b, err := sysusers.Render("Accounts.\nOurs.", lines)
	require.NoError(t, err)
	require.Equal(t, `# Accounts.
# Ours.
g app
g crew 950
u app 998:app "100%% \"our\" app\\s # one" /nonexistent /usr/sbin/nologin
u bare
u shell - - - /bin/false
m app crew
r - 500-900
`, string(b))
	back, err := sysusers.Parse(b)
	require.NoError(t, err)
	require.Equal(t, lines, back)
}

func TestParse(t *testing.T) {
	for text, want := range map[string]sysusers.Line{
		"u a":                   {Type: "u", Name: "a"},
		"  u\ta  - ":            {Type: "u", Name: "a"},
		`u 'a' 1 'b c' / /b`:    {Type: "u", Name: "a", ID: "1", Comment: "b c", Home: "/", Shell: "/b"},
		`u! a - "" - -`:         {Type: "u!", Name: "a"},
		`u a - b\ c`:            {Type: "u", Name: "a", Comment: "b c"},
		`u a /usr/bin/a`:        {Type: "u", Name: "a", ID: "/usr/bin/a"},
		"\n# remark\n\nm a b\n": {Type: "m", Name: "a", ID: "b"},
	} {
		got, err := sysusers.Parse([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, []sysusers.Line{want}, got, text)
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"u", "x a", "u a - b / /s more", `u a - "b`, `u a - b\`, `u a - \x41`, "m a", "r - ", "r a 1-2", "g a - comment", "u a - %m", "u - 1"} {
		_, err := sysusers.Parse([]byte(text))
		var line *sysusers.LineError
		require.ErrorAs(t, err, &line, text)
		require.Equal(t, 1, line.Number)
	}
	for _, l := range []sysusers.Line{{Type: "u", Name: "a\nb"}, {Type: "u", Name: "a", Comment: "b\x00"}, {Type: "u", Name: "-"}, {Type: "q", Name: "a"}, {Type: "u", Name: "\xff"}} {
		_, err := sysusers.Render("", []sysusers.Line{l})
		require.Error(t, err, fmt.Sprint(l))
	}
	_, err := sysusers.Render("a\x1bb", nil)
	require.Error(t, err)
}

func TestEdit(t *testing.T) {
	old := "# head\n\nu 'a' - \"A user\"\n  g   crew 1 \n# tail, no end"
	lines, err := sysusers.Parse([]byte(old))
	require.NoError(t, err)
	b, err := sysusers.Edit([]byte(old), lines)
	require.NoError(t, err)
	require.Equal(t, old+"\n", string(b))
	b, err = sysusers.Edit([]byte(old), []sysusers.Line{{Type: sysusers.Member, Name: "a", ID: "crew"}, lines[0]})
	require.NoError(t, err)
	require.Equal(t, "# head\n\nu 'a' - \"A user\"\n# tail, no end\nm a crew\n", string(b))
	_, err = sysusers.Edit([]byte("x y"), nil)
	require.Error(t, err)
}

// What is parsed can be rendered, and means the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"u a - \"b c\" / /b\n", "g a 1\nm a b\nr - 1-2\n", "# x\n\nu! 'a' 1:2 \\\\ %% -\n", `u a "" '' - ""`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := sysusers.Parse(data)
		if err != nil {
			return
		}
		b, err := sysusers.Render("", lines)
		require.NoError(t, err)
		back, err := sysusers.Parse(b)
		require.NoError(t, err)
		require.Equal(t, lines, back)

		// An edit that changes nothing gives the bytes back; one that takes half
		// away and adds a line declares just that.
		same, err := sysusers.Edit(data, lines)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(string(data), "\n"), strings.TrimSuffix(string(same), "\n"))
		want := append(slices.Clone(lines[:len(lines)/2]), sysusers.Line{Type: sysusers.Group, Name: "added", ID: "77"})
		b, err = sysusers.Edit(data, want)
		require.NoError(t, err)
		back, err = sysusers.Parse(b)
		require.NoError(t, err)
		require.ElementsMatch(t, want, back)
	})
}
