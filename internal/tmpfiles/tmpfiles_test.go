package tmpfiles

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	for text, want := range map[string]Line{
		`d /var/lib/app 0750 app app`:           {Type: "d", Path: "/var/lib/app", Mode: "0750", User: "app", Group: "app"},
		`d /run/app`:                            {Type: "d", Path: "/run/app"},
		`f+ /a 0600 - - - one "two" \n`:         {Type: "f+", Path: "/a", Mode: "0600", Argument: `one "two" \n`},
		`z "/with \"quote\" and \\ blank" 0640`: {Type: "z", Path: `/with "quote" and \ blank`, Mode: "0640"},
		`L /current - - - - releases/1`:         {Type: "L", Path: "/current", Argument: "releases/1"},
		`d /tmp 1777 root root 10d`:             {Type: "d", Path: "/tmp", Mode: "1777", User: "root", Group: "root", Age: "10d"},
		"f /\xff\x07 0600":                      {Type: "f", Path: "/\xff\x07", Mode: "0600"},
	} {
		got, err := ParseLine(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, text, got.String())
	}
}

func TestParse(t *testing.T) {
	lines, err := Parse([]byte("# c\n\n  d\t/a   -  'us er' \"gr\"oup -\n#x\nL /l - - - - /t\n"))
	require.NoError(t, err)
	require.Equal(t, []Line{{Type: "d", Path: "/a", User: "us er", Group: "group"}, {Type: "L", Path: "/l", Argument: "/t"}}, lines)

	_, err = Parse([]byte("d /a\nk /b\nd relative\nd \"/open\nd /a\\x20b\nd\n"))
	for _, want := range []string{"line 2", `"k" is no line type`, "line 3", `"relative" is not absolute`, "line 4", "not closed", "line 5", "an escape other than", "line 6"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "line 1:")
}

func TestRender(t *testing.T) {
	lines := []Line{{Type: "d", Path: "/b"}, {Type: "z", Path: "/a", Mode: "0600"}}
	require.Equal(t, "# one\n# two\nz /a 0600\nd /b\n", string(Render("one\ntwo\n", lines)))
	require.Equal(t, "/b", lines[0].Path, "the caller's slice is left alone")
}

func TestCheck(t *testing.T) {
	for _, l := range []Line{
		{Type: "d", Path: "/a\nb"}, {Type: "d", Path: "/a", User: "-"}, {Type: "f", Path: "/a", Argument: " x"}, {Type: "", Path: "/a"}, {Type: "d&", Path: "/a"}, {Type: "d"},
	} {
		require.Error(t, l.Check(), "%+v", l)
	}
}

func TestLiteral(t *testing.T) {
	for _, path := range []string{"/a", "/100%", "/%h", `/*?[x]\`, "/ü"} {
		for _, typ := range []string{"d", "z", "f+"} {
			l := Line{Type: typ, Path: Literal(typ, path)}
			got, err := l.Plain()
			require.NoError(t, err)
			require.Equal(t, path, got, typ)
		}
	}
	for _, l := range []Line{{Type: "d", Path: "/%h"}, {Type: "d", Path: "/%"}, {Type: "z", Path: "/*"}} {
		_, err := l.Plain()
		require.Error(t, err)
	}
}

func TestUnescape(t *testing.T) {
	for argument, want := range map[string]string{`a\nb`: "a\nb", `\x41\102\"`: `AB"`, `%%`: "%", `\x25%`: "%", `\s`: " "} {
		got, err := Unescape(argument)
		require.NoError(t, err, argument)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{`\`, `%h`, `%`, `\x4`, `\xzz`, `\400`, `\x00`, `\000`, `\q`, `\x25h`} {
		_, err := Unescape(bad)
		require.Error(t, err, bad)
	}
	_, err := Escape("a\x00b")
	require.ErrorIs(t, err, ErrNUL)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"d /a 0755 root root 10d -\n", `f+ "/a b" - - - - x\n` + "\n", "# c\n", `z '/q"' ~0644`, "L /l - - - - \"t\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := Parse(b)
		if err != nil {
			return
		}
		for _, l := range lines {
			again, err := ParseLine(l.String())
			require.NoError(t, err)
			require.Equal(t, l, again)
			if plain, err := l.Plain(); err == nil {
				p, err := Line{Type: l.Type, Path: Literal(l.Type, plain)}.Plain()
				require.NoError(t, err)
				require.Equal(t, plain, p)
			}
		}
		again, err := Parse(Render("comment", lines))
		require.NoError(t, err)
		require.ElementsMatch(t, lines, again)
	})
}

func TestWords(t *testing.T) {
	for argument, want := range map[string][]string{
		`user.a=1 "user.b=x y"`: {"user.a=1", "user.b=x y"}, ` user.c='a"b'\x41%%  `: {`user.c=a"bA%`}, ``: nil, `"" a`: {"", "a"},
	} {
		got, err := Words(argument)
		require.NoError(t, err, argument)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{`"a`, `a\`, `%h`, `a\q`, `'\x00'`} {
		_, err := Words(bad)
		require.Error(t, err, bad)
	}
	_, err := JoinWords([]string{"a=\x00"})
	require.ErrorIs(t, err, ErrNUL)
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a\nb", " x ", "-", "100%", `\`, "\xff", "\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		argument, err := Escape(content)
		if err != nil {
			require.ErrorIs(t, err, ErrNUL)
			return
		}
		require.NoError(t, Line{Type: "f", Path: "/a", Argument: argument}.Check())
		require.False(t, strings.ContainsAny(argument, "\n\r"))
		got, err := Unescape(argument)
		require.NoError(t, err)
		require.Equal(t, content, got)

		joined, err := JoinWords([]string{content, "x", content})
		require.NoError(t, err)
		require.NoError(t, Line{Type: "t", Path: "/a", Argument: joined}.Check())
		words, err := Words(joined)
		require.NoError(t, err)
		require.Equal(t, []string{content, "x", content}, words)
	})
}
