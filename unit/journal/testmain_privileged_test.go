//go:build privileged

package journal

import (
	"os"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv("JOURNAL_TEST_FLOOD") != "" {
		flood()
		return
	}
	testenv.Main(m)
}
