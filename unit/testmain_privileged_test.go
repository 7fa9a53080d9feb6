//go:build privileged

package unit_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
)

func TestMain(m *testing.M) {
	if testenv.Inside() {
		// Tests that are beside each other wait for services of their own. Those that
		// have systemd reload are not: it is busy with that, and the others wait.
		err := errors.Join(flag.Set("test.parallel", "5"), withoutGenerators())
		if err != nil {
			panic(err)
		}
	}
	testenv.Main(m)
}

// withoutGenerators masks the programs that systemd runs at each daemon-reload to
// make units of fstab and the like, of which this machine has none: under
// emulation they take longer than all the rest of a reload.
func withoutGenerators() error {
	const masks = "/run/systemd/system-generators"
	programs, err := filepath.Glob("/lib/systemd/system-generators/*")
	errs := []error{err, os.MkdirAll(masks, 0o755)}
	for _, p := range programs {
		if err := os.Symlink("/dev/null", filepath.Join(masks, filepath.Base(p))); !errors.Is(err, fs.ErrExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
