package toolchain

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func encoded(t testing.TB, r receipt) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	require.NoError(t, enc.Encode(r))
	return b.String()
}

// TestReceiptIsJSON: the lines that are written by hand are those of
// encoding/json, to the byte.
func TestReceiptIsJSON(t *testing.T) {
	r := receipt{Version: "go1.26.8", Platform: "linux/amd64", Artifact: "<a&b>", Vouches: []Vouch{{"sha256:00", "the \"index\""}}}
	b, err := r.encode()
	require.NoError(t, err)
	require.Equal(t, encoded(t, r), string(b))
	for n, name := range []string{"a", "a b", `a"b`, `a\b`, "a<b>&c", "ä/ö", "a\u2028b", "a\x7fb", "a\x01b", "~", "\U0001F600"} {
		r.Files = append(r.Files, hashedFile{name, strings.Repeat("0", 64), int64(n) << 40, n%2 == 0})
		b, err := r.encode()
		require.NoError(t, err)
		require.Equal(t, encoded(t, r), string(b))
		var back receipt
		require.NoError(t, json.Unmarshal(b, &back))
		require.Equal(t, r, back)
	}
}
