//go:build privileged

package unit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// TestLoadOrder: Load merges drop-ins as systemd does, whatever directory they
// are in, for an instance and for a plain unit.
func TestLoadOrder(t *testing.T) {
	p := listen(t)
	n := 0
	write := func(file, extra string) {
		t.Helper()
		n++
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(extra), 0o644))
		t.Cleanup(func() { require.NoError(t, os.Remove(file)) })
	}
	drop := func(file string) {
		write(file, "[Service]\nEnvironment=\"FROM_"+strings.NewReplacer("/", "_", ".", "_", "-", "_", "@", "_").Replace(file)+"=1\"\n")
	}
	for _, main := range []string{"mrg-one-two@.service", "mrg-one-two.service"} {
		write("/run/systemd/system/"+main, "[Service]\nExecStart=/bin/true\nEnvironment=MAIN=1\n")
	}
	for _, dir := range []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"} {
		for _, d := range []string{"mrg-one-two@inst.service.d", "mrg-one-two@.service.d", "mrg-one-two.service.d", "mrg-one-.service.d", "mrg-.service.d", "service.d"} {
			drop(dir + "/" + d + "/50-own-" + filepath.Base(dir) + strings.Trim(filepath.Base(filepath.Dir(dir)), "/") + "-" + d[:6] + ".conf")
			drop(dir + "/" + d + "/40-same.conf")
		}
	}
	drop("/usr/lib/systemd/system/mrg-.service.d/60-hidden.conf")
	write("/etc/systemd/system/mrg-.service.d/60-hidden.conf", "")
	p.reload(t)
	for _, name := range []string{"mrg-one-two@inst.service", "mrg-one-two.service"} {
		f, err := unit.Load(os.DirFS("/"), nil, name)
		require.NoError(t, err)
		got := p.loaded(t, name)
		var ours []string
		for _, e := range f.All("Service", "Environment") {
			ours = append(ours, strings.Trim(e, `"`))
		}
		require.Equal(t, got["Environment"], ours, "%s: %v", name, got["DropInPaths"])
	}
}
