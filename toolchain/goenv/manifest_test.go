package goenv

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzManifest: what is taken for a manifest names only files below, each once,
// and reads the same when it is written again.
func FuzzManifest(f *testing.F) {
	digest := strings.Repeat("0", 64)
	f.Add([]byte(`{"format": 1, "modules": ["example.com/lib@v1.0.0"], "files": [{"path": "example.com/lib/@v/v1.0.0.zip", "size": 1, "sha256": "` + digest + `"}]}`))
	f.Add([]byte(`{"format": 1, "modules": null, "files": [{"path": "../x", "size": 1, "sha256": "` + digest + `"}]}`))
	f.Add([]byte(`{"format": 1, "private": ["x@v1"], "files": [{"path": "a/@v/!b.mod", "size": 0, "sha256": "` + digest + `"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, file := range m.Files {
			require.True(t, filepath.IsLocal(file.Path) && !seen[file.Path], file.Path)
			seen[file.Path] = true
		}
		_, _ = m.versions() // an error or a list, never a panic
		text, err := json.Marshal(m)
		require.NoError(t, err)
		again, err := parseManifest(text)
		require.NoError(t, err)
		second, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(text), string(second))
	})
}
