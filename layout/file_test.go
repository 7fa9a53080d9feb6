package layout_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

func TestSources(t *testing.T) {
	root := t.TempDir()
	host := filepath.Join(t.TempDir(), "binary")
	big := strings.Repeat("0123456789abcdef", 1<<16)
	require.NoError(t, os.WriteFile(host, []byte(big), 0o600))
	text := template.Must(template.New("").Option("missingkey=error").Parse("port = {{.Port}}\n"))
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{
		layout.File{Path: "/bin", Source: layout.FromHost(host), Mode: 0o755},
		layout.File{Path: "/conf", Source: layout.FromTemplate(text, map[string]int{"Port": 80})},
		layout.File{Path: "/readme", Source: layout.FromFS(embedded, "testdata/readme.txt")},
	}}
	settle(t, tree)
	b, err := os.ReadFile(filepath.Join(root, "conf"))
	require.NoError(t, err)
	require.Equal(t, "port = 80\n", string(b))

	// The same size, and one byte different, is found.
	require.NoError(t, os.WriteFile(host, []byte(big[:len(big)-1]+"X"), 0o600))
	require.Contains(t, settle(t, tree)[0].Detail, "content 1048576 bytes, sha256 ")

	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600)) // nobody is waited for
	tree.Entries = []layout.Entry{layout.File{Path: "/z", Source: layout.FromHost(fifo)}, layout.File{Path: "/conf", Source: layout.FromTemplate(text, map[string]int{})}, layout.File{Path: "/x", Source: layout.FromHost("/nowhere")}, layout.File{Path: "/y", Source: layout.FromHost("/")}}
	_, err = tree.Plan(t.Context())
	require.ErrorContains(t, err, "/conf: its source: ")
	require.ErrorContains(t, err, "/x: its source: open /nowhere")
	require.ErrorContains(t, err, "/y: its source: / is not a regular file")
	require.ErrorContains(t, err, "/z: its source: "+fifo+" is not a regular file")
}

func TestDigest(t *testing.T) {
	root := t.TempDir()
	sum := "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // hello
	file := layout.File{Path: "/f", Content: []byte("hello"), SHA256: strings.ToUpper(sum)}
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{file}}
	settle(t, tree)

	// The source is not even opened while the file is right.
	file.Content, file.Source = nil, layout.FromHost("/nowhere")
	tree.Entries = []layout.Entry{file}
	settled(t, tree)

	write(t, root, "f", "hallo", 0o644)
	file.Content, file.Source = []byte("hullo"), nil
	tree.Entries = []layout.Entry{file}
	_, err := tree.Ensure(t.Context())
	require.ErrorIs(t, err, layout.ErrContent)
	b, err := os.ReadFile(filepath.Join(root, "f"))
	require.NoError(t, err)
	require.Equal(t, "hallo", string(b), "wrong content never gets the name")
	require.Equal(t, []string{"etc", "f"}, names(t, root))
}

func TestCreateOnly(t *testing.T) {
	root := t.TempDir()
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{layout.File{Path: "/f", Content: []byte("seed"), Mode: 0o600, CreateOnly: true}}}
	settle(t, tree)
	write(t, root, "f", "grown", 0o600)
	settled(t, tree)
	write(t, root, "f", "grown", 0o644)
	require.Equal(t, []string{"update file /f: mode 0644 → 0600"}, targets(settle(t, tree)))
	b, err := os.ReadFile(filepath.Join(root, "f"))
	require.NoError(t, err)
	require.Equal(t, "grown", string(b))
}

func TestAbsentAndPurge(t *testing.T) {
	root := t.TempDir()
	for _, f := range []string{"conf.d/kept.conf", "conf.d/stale.conf", "conf.d/local.txt", "conf.d/sub.conf/x", "conf.d/cache-1/a/b", "conf.d/cache-kept/in", "gone/a/b/c", "empty-not/x", "file"} {
		write(t, root, f, "", 0o644)
	}
	outside := t.TempDir()
	write(t, outside, "precious", "p", 0o644)
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "gone/link")))
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "link")))
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "conf.d/link.conf")))
	tree := layout.Tree{Root: root, Owners: layout.RecordOwners, Entries: []layout.Entry{
		layout.Dir{Path: "/conf.d", Purge: []string{"*.conf", "cache-*/"}},
		layout.File{Path: "/conf.d/kept.conf"},
		layout.File{Path: "/conf.d/cache-kept/in"},
		layout.Absent{Path: "/gone", Recursive: true},
		layout.Absent{Path: "/file"}, layout.Absent{Path: "/link"}, layout.Absent{Path: "/never/was"},
	}}
	changes := targets(settle(t, tree))
	changes = slices.DeleteFunc(changes, func(s string) bool { return !strings.HasPrefix(s, "delete") })
	require.Equal(t, []string{
		"delete directory /conf.d/cache-1: with 2 in it",
		"delete symlink /conf.d/link.conf",
		"delete file /conf.d/stale.conf",
		"delete file /file",
		"delete directory /gone: with 4 in it",
		"delete symlink /link",
	}, changes)
	require.Equal(t, []string{"cache-kept", "kept.conf", "local.txt", "sub.conf"}, names(t, filepath.Join(root, "conf.d")))
	require.Equal(t, []string{"precious"}, names(t, outside))

	tree.Entries = []layout.Entry{layout.Absent{Path: "/empty-not"}}
	_, err := tree.Ensure(t.Context())
	require.ErrorIs(t, err, layout.ErrOccupied)
}
