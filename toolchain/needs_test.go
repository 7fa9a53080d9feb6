package toolchain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNeeds(t *testing.T) {
	for _, c := range []struct{ name, content, want, fails string }{
		{"go.mod", "module m\n\ngo 1.26.3\n", "1.26.3", ""},
		{"go.mod", "module m\n\ngo 1.26.3\n\ntoolchain go1.26.8\n", "1.26.8", ""},
		{"go.mod", "module m\n\ngo 1.27.1\n\ntoolchain go1.26.8\n", "1.27.1", ""},
		{"go.mod", "module m\n\ngo 1.26\n\ntoolchain default\n", "1.26", ""},
		{"go.mod", "module m\n\ngo 1.26\n\ntoolchain go1.26.8-custom\n", "1.26.8", ""},
		{"go.mod", "module m\n\ngo 1.20\n", "1.20", ""},
		{"go.mod", "module m\n\ngo 1.27rc1\n", "1.27rc1", ""},
		{"go.mod", "module m\n\ngo 1.26.3\nfuture x\n", "1.26.3", ""},
		{"go.mod", "module m\n", "", "no go line"},
		{"go.mod", "module m\n\ngo one\n", "", "invalid go version"},
		{"go.mod", "<!DOCTYPE html>\n", "", "go.mod"},
		{"go.work", "go 1.26.3\n\ntoolchain go1.26.8\n\nuse ./a\n", "1.26.8", ""},
		{"go.work", "use (\n", "", "go.work"},
		{".go-version", "1.26.8\n", "1.26.8", ""},
		{".go-version", "# pinned\n go1.26.8 # so\n", "go1.26.8", ""},
		{".go-version", "1.26.x", "1.26.x", ""},
		{".go-version", "\n", "", "names no version"},
		{".go-version", "latest", "", `"latest" is no version`},
		{"package.json", "{}", "", "no go.mod"},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
		got, err := Needs(path)
		if c.fails != "" {
			require.ErrorContains(t, err, c.fails, c.content)
			require.NotContains(t, err.Error(), "\n")
			require.True(t, strings.HasPrefix(err.Error(), "toolchain: "))
			continue
		}
		require.NoError(t, err, c.content)
		require.Equal(t, c.want, got)
		_, err = parseWanted(got)
		require.NoError(t, err)
	}
	_, err := Needs(filepath.Join(t.TempDir(), "go.mod"))
	require.ErrorIs(t, err, os.ErrNotExist)

	// Before 1.21 a minor's first release had no .0: any release will do.
	w, err := parseWanted("1.20")
	require.NoError(t, err)
	v, ok := w.newest([]Version{"go1.20", "go1.21.0"}, nil)
	require.True(t, ok)
	require.Equal(t, Version("go1.20"), v)
}
