package unit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

const awkward = "# head\n; also\n\n[Unit]\nDescription = spaced \nAfter=a.target \\\n  # a comment within\n  b.target\\\n\n[Service]\r\nExecStart=/bin/x \\\r\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\n[Unit]\nWants=c.target\n# end"

func TestParse(t *testing.T) {
	f, err := unit.Parse("x.service", strings.NewReader(awkward))
	require.NoError(t, err)
	require.Equal(t, awkward, string(f.Bytes()))
	v, ok := f.Get("Unit", "Description")
	require.True(t, ok)
	require.Equal(t, "spaced", v)
	require.Equal(t, []string{"B=2"}, f.All("Service", "Environment"))
	require.Equal(t, []string{"Unit", "Service"}, f.Sections())
	v, _ = f.Get("Unit", "After")
	require.Equal(t, []string{"a.target", "b.target"}, strings.Fields(v))
}

func TestParseErrors(t *testing.T) {
	for name, c := range map[string]struct {
		text         string
		line, column int
	}{
		"no assignment":  {"[Unit]\nDescription\n", 2, 1},
		"no section":     {"A=b\n", 1, 1},
		"open header":    {"[Unit\n", 1, 1},
		"no key":         {"[Unit]\n=x\n", 2, 1},
		"NUL":            {"[Unit]\nA=b\x00c\n", 2, 4},
		"after continue": {"[Unit]\nA=b \\\n c\nbad\n", 4, 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unit.Parse("x.service", strings.NewReader(c.text))
			var p *unit.ParseError
			require.True(t, errors.As(err, &p), "%v", err)
			require.Equal(t, c.line, p.Line)
			require.Equal(t, c.column, p.Column)
		})
	}
}

func TestEdits(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*unit.File) error
		text string
		want string
	}{
		"change in place":    {func(f *unit.File) error { return f.Set("Service", "User", "b") }, "[Service]\n# c\nUser=a\nGroup=g\n", "[Service]\n# c\nUser=b\nGroup=g\n"},
		"continuation":       {func(f *unit.File) error { return f.Set("Unit", "After", "b") }, "[Unit]\nAfter=a \\\n  c\nX=1\n", "[Unit]\nAfter=b\nX=1\n"},
		"the last of many":   {func(f *unit.File) error { return f.Set("Unit", "A", "3") }, "[Unit]\nA=1\nB=x\nA=2\n", "[Unit]\nB=x\nA=3\n"},
		"new in section":     {func(f *unit.File) error { return f.Set("Unit", "B", "2") }, "[Unit]\nA=1\n\n[Service]\nX=1\n", "[Unit]\nA=1\nB=2\n\n[Service]\nX=1\n"},
		"new section":        {func(f *unit.File) error { return f.Set("Install", "WantedBy", "a.target") }, "[Unit]\nA=1", "[Unit]\nA=1\n\n[Install]\nWantedBy=a.target\n"},
		"no newline at end":  {func(f *unit.File) error { return f.Add("Unit", "B", "2") }, "[Unit]\nA=1", "[Unit]\nA=1\nB=2\n"},
		"remove":             {func(f *unit.File) error { _, err := f.Remove("Unit", "A"); return err }, "[Unit]\nA=1\n# c\nA=2\nB=1\n", "[Unit]\n# c\nB=1\n"},
		"to an empty file":   {func(f *unit.File) error { return f.Set("Unit", "A", "1") }, "", "[Unit]\nA=1\n"},
		"section in two":     {func(f *unit.File) error { return f.Add("Unit", "C", "1") }, "[Unit]\nA=1\n[X]\nY=1\n[Unit]\nB=1\n", "[Unit]\nA=1\n[X]\nY=1\n[Unit]\nB=1\nC=1\n"},
		"reset stays apart":  {func(f *unit.File) error { return f.Add("Unit", "A", "") }, "[Unit]\nA=1\n", "[Unit]\nA=1\nA=\n"},
		"empty continuation": {func(f *unit.File) error { return f.Set("Unit", "B", "1") }, "[Unit]\nA=1 \\\n\n", "[Unit]\nA=1 \\\n\nB=1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := unit.Parse("x.service", strings.NewReader(c.text))
			require.NoError(t, err)
			require.NoError(t, c.edit(f))
			require.Equal(t, c.want, string(f.Bytes()))
		})
	}
	f, err := unit.Parse("x.service", strings.NewReader("[Unit]\n"))
	require.NoError(t, err)
	for _, bad := range []string{"a\nUser=root", " a", "a ", `a\`, "a\rb", "a\x00"} {
		require.Error(t, f.Set("Unit", "Description", bad), "%q", bad)
		require.Error(t, f.Add("Unit", "Description", bad), "%q", bad)
	}
	require.Equal(t, "[Unit]\n", string(f.Bytes()))
}

// FuzzParse: whatever is parsed comes back byte for byte, and an edit touches
// only what it must.
func FuzzParse(f *testing.F) {
	f.Add(awkward, "after")
	f.Add("[Unit]\nA=1\\\n", "x")
	f.Add("[Service]\nA=\\", "b")
	f.Fuzz(func(t *testing.T, text, value string) {
		file, err := unit.Parse("x.service", strings.NewReader(text))
		if err != nil {
			return
		}
		if got := string(file.Bytes()); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
		unit.Lint(file, unit.Target{})
		before := file.Entries()
		if file.Set("Service", "Nice", value) != nil {
			return
		}
		if got, ok := file.Get("Service", "Nice"); !ok || got != value {
			t.Fatalf("Nice=%q reads back as %q in %q", value, got, file.Bytes())
		}
		kept := 0
		for _, e := range file.Entries() {
			if e.Section != "Service" || e.Key != "Nice" {
				kept++
			}
		}
		for _, e := range before {
			if e.Section != "Service" || e.Key != "Nice" {
				kept--
			}
		}
		if kept != 0 {
			t.Fatalf("the edit changed others: %q became %q", text, file.Bytes())
		}
	})
}
