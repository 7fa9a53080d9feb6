package layout_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

func TestService(t *testing.T) {
	root := t.TempDir()
	service := layout.Service{Name: "app", User: "appuser", Runtime: true}
	tree := layout.Tree{Root: root, Name: "app", Owners: layout.RecordOwners, Entries: service.Entries()}
	settle(t, tree)
	b, err := os.ReadFile(filepath.Join(root, "etc/tmpfiles.d/app.conf"))
	require.NoError(t, err)
	require.Equal(t, "# See tmpfiles.d(5).\nd /run/app 0755 appuser appuser\n", string(b))

	require.Equal(t, []string{"/var/cache/app", "/var/lib/app", "/var/log/app", "/run/app"}, service.Writable())
	// Nothing that the service could run or be told by is its own.
	for _, e := range tree.Entries {
		if d, ok := e.(layout.Dir); ok && d.Owner != "root" {
			require.Contains(t, service.Writable(), d.Path)
		}
	}
	for _, e := range service.EntriesThatTheServiceCanReplace() {
		if d, ok := e.(layout.Dir); ok {
			require.Equal(t, "appuser", d.Owner, d.Path)
		}
	}
	for _, name := range []string{"", "..", "a//b", "a/b", "a b", "a\x00", "ü", "a%b"} {
		tree.Entries = layout.Service{Name: name}.Entries()
		_, err := tree.Plan(t.Context())
		require.ErrorContains(t, err, "the service's name", name)
	}
}

func ExampleService_Directives() {
	for name, value := range (layout.Service{Name: "app"}).Directives() {
		fmt.Printf("%s=%s\n", name, value)
	}
	// Output:
	// StateDirectory=app
	// StateDirectoryMode=0750
	// CacheDirectory=app
	// CacheDirectoryMode=0750
	// LogsDirectory=app
	// LogsDirectoryMode=0750
	// RuntimeDirectory=app
	// RuntimeDirectoryMode=0755
	// ConfigurationDirectory=app
	// ConfigurationDirectoryMode=0755
}
