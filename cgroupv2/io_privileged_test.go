//go:build privileged

package cgroupv2_test

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
)

var unpackOnce sync.Once

// unpacked puts the packages' files into place.
func unpacked(t *testing.T) {
	t.Helper()
	unpackOnce.Do(func() {
		run(t, "tar", "--keep-directory-symlink", "-xf", testenv.Payload(t, "packages.tar"), "-C", "/")
		run(t, "ldconfig")
	})
}

// writing writes 30 MiB past the page cache, and gives the rate in bytes a second:
// what io.stat counts by the clock, from the first megabyte to the last, so that
// the start of a program on a busy host is not part of it.
func writing(t *testing.T, g cgroupv2.Group, target string) float64 {
	t.Helper()
	cmd := exec.Command("dd", "if=/dev/zero", "of="+target, "bs=256k", "count=120", "oflag=direct", "conv=notrunc,nocreat")
	out := &strings.Builder{}
	cmd.Stderr = out
	written := func() (n uint64) {
		s, err := cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		for _, io := range s.IO { // the disk, and what lies on it
			n = max(n, io.WriteBytes)
		}
		return n
	}
	before := written()
	require.NoError(t, g.Start(cmd))
	await(t, "bytes written", func() bool { return written() >= before+1<<20 })
	first, began := written(), time.Now()
	require.NoError(t, cmd.Wait(), out)
	took, all := time.Since(began), written()
	require.GreaterOrEqual(t, all, before+30<<20)
	return float64(all-first) / took.Seconds()
}

// holds makes sure that a rate of 10 MiB/s is never passed, and reached: on a busy
// host by one of three attempts.
func holds(t *testing.T, g cgroupv2.Group, target string) {
	t.Helper()
	const rate = 10 << 20
	for range 3 {
		got := writing(t, g, target)
		t.Logf("10 MiB/s allowed, %.2f MiB/s written to %s", got/(1<<20), target)
		require.Less(t, got, 1.1*rate)
		if got > 0.9*rate {
			return
		}
	}
	require.Fail(t, "the limit is not what bound it")
}

// A rate holds on a disk, and on a path that lies on it through a loop device and
// a device-mapper stack.
func TestRatesHoldThroughStacks(t *testing.T) {
	t.Parallel()
	unpacked(t)
	d := delegated(t)
	scratch := testenv.Scratch(t)
	limit := func(name, device string) cgroupv2.Group {
		return made(t, d+"/"+name, cgroupv2.Limits{IOMax: []cgroupv2.IOLimit{{Device: device, WriteBytes: cgroupv2.PerSecond(10 << 20)}}})
	}
	holds(t, limit("disk", scratch), scratch)

	// Half of the disk as a linear device, a file system on it, a file in that, a
	// loop device of the file.
	run(t, "dmsetup", "create", "linear", "--table", "0 262144 linear "+scratch+" 0")
	defer run(t, "dmsetup", "remove", "--retry", "linear")
	run(t, "mkfs.ext4", "-q", "-F", "/dev/mapper/linear")
	require.NoError(t, os.MkdirAll("/mnt/linear", 0o755))
	run(t, "mount", "/dev/mapper/linear", "/mnt/linear")
	defer run(t, "umount", "/mnt/linear")
	run(t, "dd", "if=/dev/zero", "of=/mnt/linear/image", "bs=1M", "count=64")
	run(t, "sync")
	loop := strings.TrimSpace(run(t, "losetup", "--find", "--show", "/mnt/linear/image"))
	defer run(t, "losetup", "-d", loop)

	for path, way := range map[string]string{
		"/dev/mapper/linear": "(device-mapper linear) → " + filepath.Base(scratch),
		"/mnt/linear/image":  "(ext4) → dm-",
		loop:                 "(loop) → /mnt/linear/image (ext4) → dm-",
	} {
		disks, err := cgroupv2.Disks(path)
		require.NoError(t, err)
		require.Len(t, disks, 1)
		require.Equal(t, filepath.Base(scratch), disks[0].Name)
		require.Contains(t, strings.Join(disks[0].Chain, " → "), way)
	}
	through := limit("path", "/mnt/linear")
	number, err := os.ReadFile("/sys/block/" + filepath.Base(scratch) + "/dev")
	require.NoError(t, err)
	require.Contains(t, kernel(t, through.Path, "io.max"), strings.TrimSpace(string(number))+" rbps=max wbps=10485760")
	holds(t, through, "/mnt/linear/image")

	for path, none := range map[string]bool{"/run": true, "/proc": true, "250:250": true} {
		_, err := cgroupv2.Disks(path)
		var nothing *cgroupv2.NoDiskError
		require.Equal(t, none, err != nil)
		require.ErrorAs(t, err, &nothing, path)
	}
}

func TestPartitionsAreNamed(t *testing.T) {
	scratch := testenv.Scratch(t)
	node := scratch + "1"
	// A table with one Linux partition, by hand: its tools are not everywhere.
	table := make([]byte, 512)
	entry := table[446:]
	entry[4] = 0x83
	binary.LittleEndian.PutUint32(entry[8:], 2048)
	binary.LittleEndian.PutUint32(entry[12:], 100000)
	copy(table[510:], "\x55\xaa")
	write := func(b []byte) {
		f, err := os.OpenFile(scratch, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.Write(b)
		require.NoError(t, errors.Join(err, f.Sync(), f.Close()))
	}
	// udev reads the table of a disk anew when a writer is done, and looks at what it
	// finds: partitions come and go meanwhile, and are busy. It leaves a locked disk
	// alone (https://systemd.io/BLOCK_DEVICE_LOCKING).
	lock, err := os.Open(scratch)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	write(table)
	defer write(make([]byte, 512))
	run(t, "partx", "--add", scratch)
	defer run(t, "partx", "--delete", "--nr", "1", scratch)
	await(t, "partition", func() bool { _, err := os.Stat(node); return err == nil })
	d := delegated(t)
	g := made(t, d+"/x", cgroupv2.Limits{})
	err = cgroupv2.Set(g.Path, cgroupv2.Limits{IOMax: []cgroupv2.IOLimit{{Device: node, ReadBytes: cgroupv2.PerSecond(1000)}}})
	var partition *cgroupv2.PartitionError
	require.ErrorAs(t, err, &partition)
	require.Equal(t, scratch, partition.Disk)
	disks, err := cgroupv2.Disks(node)
	require.NoError(t, err)
	require.Equal(t, filepath.Base(scratch), disks[0].Name)
}

// Weights act under BFQ, and are said not to otherwise.
func TestWeightsActUnderBFQ(t *testing.T) {
	scratch := testenv.Scratch(t)
	before, err := cgroupv2.NowIOControl(scratch)
	require.NoError(t, err)
	bfq := cgroupv2.IOControl{Device: scratch, Scheduler: "bfq"}
	by, err := cgroupv2.WeightsActOn(scratch)
	require.NoError(t, err)
	require.Empty(t, by)
	planned, err := bfq.Plan(t.Context())
	require.NoError(t, err)
	done, err := bfq.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, planned, done)
	require.Len(t, done, 1)
	done, err = bfq.Ensure(t.Context())
	require.NoError(t, err)
	require.Empty(t, done)
	by, err = cgroupv2.WeightsActOn(scratch)
	require.NoError(t, err)
	require.Equal(t, "bfq", by)

	d := delegated(t)
	one := []cgroupv2.IODeviceWeight{{Device: scratch, Weight: 50}}
	heavy := made(t, d+"/heavy", cgroupv2.Limits{IOWeight: 1000})
	light := made(t, d+"/light", cgroupv2.Limits{IOWeight: 100, IOWeights: one})
	require.Equal(t, "default 181", strings.Split(kernel(t, heavy.Path, "io.bfq.weight"), "\n")[0])
	for _, g := range []cgroupv2.Group{heavy, light} {
		cmd := exec.Command("sh", "-c", "while :; do dd if="+scratch+" of=/dev/null bs=64k count=2000 iflag=direct 2>/dev/null; done")
		require.NoError(t, g.Start(cmd))
		defer func() { require.NoError(t, g.Kill(t.Context())); _ = cmd.Wait() }()
	}
	bytes := func(g cgroupv2.Group) (n uint64) {
		s, err := cgroupv2.Stat(g.Path)
		require.NoError(t, err)
		for _, io := range s.IO {
			n += io.ReadBytes
		}
		return n
	}
	time.Sleep(500 * time.Millisecond)
	a, b := bytes(heavy), bytes(light)
	time.Sleep(2 * time.Second)
	ratio := float64(bytes(heavy)-a) / float64(bytes(light)-b)
	t.Logf("weights 181 and 50 of BFQ share %.1f to 1", ratio)
	require.Greater(t, ratio, 1.3)

	done, err = before.Ensure(t.Context())
	require.NoError(t, err)
	require.Len(t, done, 1, "undone")
	var unavailable *cgroupv2.UnavailableError
	require.ErrorAs(t, cgroupv2.Set(heavy.Path, cgroupv2.Limits{IOWeights: one}), &unavailable)
	_, err = cgroupv2.IOControl{Device: scratch, Scheduler: "nothing"}.Plan(t.Context())
	require.ErrorContains(t, err, "modprobe nothing")

	cost := cgroupv2.IOControl{Device: scratch, Cost: cgroupv2.On}
	done, err = cost.Ensure(t.Context())
	require.NoError(t, err)
	require.Len(t, done, 1)
	by, err = cgroupv2.WeightsActOn(scratch)
	require.NoError(t, err)
	require.Equal(t, "io.cost", by)
	require.NoError(t, cgroupv2.Set(heavy.Path, cgroupv2.Limits{IOWeights: one}))
	require.Equal(t, []cgroupv2.IODeviceWeight{{Device: strings.Fields(strings.Split(kernel(t, heavy.Path, "io.weight"), "\n")[1])[0], Weight: 50}}, mustGet(t, heavy.Path).IOWeights)
	done, err = before.Ensure(t.Context())
	require.NoError(t, err)
	require.Len(t, done, 1)
}
