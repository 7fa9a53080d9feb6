package unit

import (
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test looks at itself.
func TestInspect(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // there is no /proc
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	f, err := os.Create(t.TempDir() + "/open")
	require.NoError(t, err)
	defer f.Close()
	u, err := inspect("/nonexistent", os.Getpid())
	require.NoError(t, err)
	require.True(t, u.families["AF_INET"])
	require.False(t, u.families["AF_PACKET"])
	require.False(t, u.lowPort)
	require.False(t, u.writableCode)
	require.True(t, u.users[os.Getuid()])
	require.NotEmpty(t, append(u.temporary, u.writes...))

	names := map[string]string{}
	for _, s := range bearings(u, nil) {
		names[s.Name] = s.Value
	}
	require.Equal(t, "yes", names["MemoryDenyWriteExecute"])
	require.Equal(t, "AF_INET AF_INET6 AF_UNIX", names["RestrictAddressFamilies"])
	_, err = inspect("/nonexistent", 1<<30)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestInspectStatus(t *testing.T) {
	u := usage{users: map[int]bool{}}
	u.status([]byte("Name:\tapp\nUid:\t0\t1000\t0\t0\nCapPrm:\t0000000000000400\nCapEff:\t0000000000000001\n"))
	require.Equal(t, map[int]bool{0: true, 1000: true}, u.users)
	require.Equal(t, uint64(0x401), u.capabilities)
	for device, all := range map[string]bool{"/dev/null": true, "/dev/pts/3": true, "/dev/vda": false, "/dev/kmsg": false} {
		require.Equal(t, all, everybodys(device), device)
	}
}
