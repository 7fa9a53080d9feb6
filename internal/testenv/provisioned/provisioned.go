// Package provisioned makes the throwaway machine one that examples/provision has
// provisioned, for tests of what verifies it.
package provisioned

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/stretchr/testify/require"
)

// Machine provisions this machine with the sample service, and takes all of it
// away at the end of the test: the next package's tests begin anew. What another
// left is taken away first. The package's testdata/machine.json asks for Examples
// and SDK. version is the Go that was installed, "go1.26.8": a part of the real
// SDK, because unpacking all of it takes an emulated machine a quarter of a minute.
func Machine(t testing.TB, args ...string) (version string) {
	t.Helper()
	remove(t)
	t.Cleanup(func() { remove(t) })
	text, err := os.ReadFile(testenv.Payload(t, "sdk/version"))
	require.NoError(t, err)
	version = strings.TrimSpace(string(text))
	archive, digest := someOf(t, testenv.Payload(t, "sdk/sdk.zip"))
	out, err := exec.Command(testenv.Payload(t, "bin/provision"), append([]string{
		"-live", "-go", version, "-source", archive, "-sha256", digest, "-binary", testenv.Payload(t, "bin/hello"),
	}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return version
}

// kept are the files that checks and tests look at.
var kept = []string{"VERSION", "go.env", "bin/", "pkg/tool/linux_amd64/compile", "pkg/tool/linux_amd64/link", "pkg/tool/linux_amd64/asm", "src/fmt/", "src/crypto/sha256/", "src/net/http/server.go"}

// someOf packs a part of an SDK as it is packed in the whole.
func someOf(t testing.TB, whole string) (file, digest string) {
	t.Helper()
	from, err := zip.OpenReader(whole)
	require.NoError(t, err)
	defer from.Close()
	file = filepath.Join(t.TempDir(), "sdk.zip")
	out, err := os.Create(file)
	require.NoError(t, err)
	defer out.Close()
	to := zip.NewWriter(out)
	for _, f := range from.File {
		_, name, _ := strings.Cut(f.Name, ".linux-amd64/")
		for _, k := range kept {
			if name == k || strings.HasSuffix(k, "/") && strings.HasPrefix(name, k) {
				require.NoError(t, to.Copy(f))
			}
		}
	}
	require.NoError(t, to.Close())
	packed, err := os.ReadFile(file)
	require.NoError(t, err)
	sum := sha256.Sum256(packed)
	return file, hex.EncodeToString(sum[:])
}

// remove takes away what a provision makes.
func remove(t testing.TB) {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-ec", `
		systemctl disable -q --now hello.socket hello.service >/dev/null 2>&1 || true
		systemctl stop hello.slice >/dev/null 2>&1 || true
		rm -rf /etc/systemd/system/hello.* /run/systemd/system/hello.* /run/systemd/system.control/hello.* /etc/systemd/system.control/hello.*
		rm -rf /opt/hello /etc/hello /var/lib/hello /var/cache/hello /var/log/hello /usr/local/lib/go /usr/local/go
		! id hello >/dev/null 2>&1 || userdel hello
		! getent group hello >/dev/null || groupdel hello
		systemctl daemon-reload
		systemctl reset-failed`).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
