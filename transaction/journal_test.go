package transaction

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"root":"/r","steps":[{"name":"a","changes":[{"op":"update","kind":"file","target":"/f"}],"images":[{"path":"/f","kind":"file","mode":420,"content":"image-0","attributes":{"user.x":"eA=="}}]}]}`))
	f.Add([]byte(`{"root":"","steps":[{"name":"a","images":[{"path":"/l","kind":"symlink","target":"x"},{"path":"/n","kind":""}]}]}`))
	f.Add([]byte(`{"steps":[{"images":[{"path":"/../x","kind":"file","content":"../y"}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(s)
		require.NoError(t, err)
		twice, err := parse(again)
		require.NoError(t, err)
		final, err := json.Marshal(twice)
		require.NoError(t, err)
		require.Equal(t, string(again), string(final))
		for _, r := range s.Steps {
			for _, i := range r.Images {
				require.NotContains(t, i.Content, "/")
			}
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "x", `{"steps":[{"images":[{"path":"relative"}]}]}`, `{"steps":[{"images":[{"path":"/a/../b"}]}]}`, `{"steps":[{"images":[{"path":"/a","kind":"device"}]}]}`,
		`{"steps":[{"images":[{"path":"/a","kind":"file"}]}]}`, `{"steps":[{"images":[{"path":"/a","kind":"file","content":"../x"}]}]}`,
		`{"steps":[{"images":[{"path":"/a","kind":"symlink","content":"image-0"}]}]}`, `{"unknown":1}`,
	} {
		_, err := parse([]byte(bad))
		require.Error(t, err, bad)
	}
}
