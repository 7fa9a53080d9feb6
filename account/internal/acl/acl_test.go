//go:build linux

package acl_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account/internal/acl"
)

func TestParse(t *testing.T) {
	l := acl.List{{acl.Owner, 6, 1<<32 - 1}, {acl.User, 7, 4242}, {acl.OwningGroup, 4, 0}, {acl.Mask, 5, 0}, {acl.Other, 1, 0}}
	back, err := acl.Parse(l.Bytes())
	require.NoError(t, err)
	require.Equal(t, l, back)
	require.Equal(t, uint16(5), l.Masked(l[1]))
	require.Equal(t, uint16(6), l.Masked(l[0]))
	require.Equal(t, uint16(3), acl.List{{acl.User, 3, 1}}.Masked(acl.Entry{Tag: acl.User, Rights: 3}))
	for _, bad := range []string{"", "\x02\x00\x00", "\x01\x00\x00\x00", "\x02\x00\x00\x00\x01", "\x02\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00", "\x02\x00\x00\x00\x01\x00\x08\x00\x00\x00\x00\x00"} {
		_, err := acl.Parse([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestNone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o644))
	d, err := os.Open(dir)
	require.NoError(t, err)
	defer d.Close()
	l, err := acl.At(d, "f")
	require.NoError(t, err)
	require.Nil(t, l)
	_, err = acl.At(d, "missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := acl.Parse(b); err == nil {
			require.Equal(t, b, l.Bytes())
		}
	})
}
