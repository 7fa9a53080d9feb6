//go:build privileged

package goenv_test

import (
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
