package bedplate_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeProgram keeps the README's program one that compiles and runs.
func TestReadmeProgram(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	shown, _, _ := strings.Cut(rest, "```\n")
	program, err := os.ReadFile("examples/quickstart/main.go")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(program), shown), "the README's program is not the end of examples/quickstart/main.go")
}
