package journal

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// standIn is a socket in journald's place.
type standIn struct {
	*net.UnixConn
	path   string
	buffer []byte
}

func listen(t testing.TB, path string) *standIn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return &standIn{c, path, make([]byte, 1<<20)}
}

func newStandIn(t testing.TB) *standIn {
	return listen(t, filepath.Join(t.TempDir(), "socket"))
}

// field is one of an entry; a name may come twice.
type field struct{ name, value string }

// receive reads one entry, by whichever way it comes.
func (s *standIn) receive(t testing.TB) (fields []field, file bool) {
	t.Helper()
	b, oob := s.buffer, make([]byte, 256)
	n, m, _, _, err := s.ReadMsgUnix(b, oob)
	require.NoError(t, err)
	b = b[:n]
	if m > 0 {
		file = true
		messages, err := syscall.ParseSocketControlMessage(oob[:m])
		require.NoError(t, err)
		fds, err := syscall.ParseUnixRights(&messages[0])
		require.NoError(t, err)
		require.Len(t, fds, 1)
		f := os.NewFile(uintptr(fds[0]), "record")
		defer f.Close()
		_, err = f.WriteAt([]byte("x"), 0)
		require.ErrorIs(t, err, syscall.EPERM, "the file is not sealed against writing")
		require.ErrorIs(t, f.Truncate(0), syscall.EPERM, "the file is not sealed against shrinking")
		b, err = io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
		require.NoError(t, err)
	}
	return parseNative(t, b), file
}

// parseNative reads the journal's native protocol as its document says.
func parseNative(t testing.TB, b []byte) (fields []field) {
	t.Helper()
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		require.True(t, ok, "no newline at the end of %q", b)
		if name, value, ok := bytes.Cut(line, []byte("=")); ok {
			fields, b = append(fields, field{string(name), string(value)}), rest
			continue
		}
		require.GreaterOrEqual(t, len(rest), 8)
		size := binary.LittleEndian.Uint64(rest)
		rest = rest[8:]
		require.Greater(t, uint64(len(rest)), size)
		require.Equal(t, byte('\n'), rest[size])
		fields, b = append(fields, field{string(line), string(rest[:size])}), rest[size+1:]
	}
	return fields
}

func values(fields []field, name string) (all []string) {
	for _, f := range fields {
		if f.name == name {
			all = append(all, f.value)
		}
	}
	return all
}
