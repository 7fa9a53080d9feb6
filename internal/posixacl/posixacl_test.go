package posixacl

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNew(t *testing.T) {
	list := New(0o640, []Entry{{Group, 7, 20}, {User, 6, 2000}, {User, 4, 1000}})
	require.Equal(t, []Entry{{Owner, 6, 0}, {User, 4, 1000}, {User, 6, 2000}, {OwningGroup, 4, 0}, {Group, 7, 20}, {Mask, 7, 0}, {Other, 0, 0}}, list)
	b := Encode(list)
	require.Len(t, b, 4+7*8)
	got, err := Decode(b)
	require.NoError(t, err)
	require.Equal(t, list, got)
}

func TestText(t *testing.T) {
	for text, want := range map[string]Entry{"u::rwx": {Owner, 7, 0}, "g::r-x": {OwningGroup, 5, 0}, "m::---": {Mask, 0, 0}, "o::-w-": {Other, 2, 0}} {
		got, who, err := ParseEntry(text)
		require.NoError(t, err)
		require.Empty(t, who)
		require.Equal(t, want, got)
		require.Equal(t, text, got.Text(""))
	}
	for text, want := range map[string]string{"user:app:rw": "u:app:rw-", "group:5:x": "g:5:--x", "mask:r": "m::r--", "other::rx": "o::r-x"} {
		got, who, err := ParseEntry(text)
		require.NoError(t, err)
		require.Equal(t, want, got.Text(who))
	}
	for _, bad := range []string{"", "u", "u:a", "x:a:r", "m:a:r", "u:a:", "u:a:rr", "u:a:rwxr", "u:a:X", "u:a:r:w"} {
		_, _, err := ParseEntry(bad)
		require.ErrorContains(t, err, "no entry of acl(5)", bad)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(New(0o750, []Entry{{User, 6, 1}})))
	f.Add([]byte{2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(Encode(list))
		require.NoError(t, err)
		require.Equal(t, list, again)
		for _, e := range list {
			parsed, _, err := ParseEntry(e.Text(map[bool]string{true: "who"}[e.Tag == User || e.Tag == Group]))
			require.NoError(t, err)
			e.ID = 0
			require.Equal(t, e, parsed)
		}
	})
}
