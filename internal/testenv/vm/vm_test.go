package vm

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv/image"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func TestArguments(t *testing.T) {
	c := Config{Machine: image.Machine{Kernel: "/cache/vmlinuz", Root: "/cache/root.img"}, Console: "/out/console.log", Terminal: &Terminal{}}
	got := strings.Join(c.arguments("/tmp/m"), "\n") + "\n"
	const golden = "testdata/arguments.golden"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
	require.Less(t, len(commandLine), 2048, "the kernel cuts a longer one")
}

// A machine that its own disk boots is given no kernel.
func TestFirmwareArguments(t *testing.T) {
	got := strings.Join(Config{Machine: image.Machine{Kernel: "/cache/vmlinuz", Root: "/cache/root.img"}, CPUs: 2, Disk: "/tmp/disk", Firmware: true}.arguments("/tmp/m"), " ")
	require.Contains(t, got, "-smp 2 ")
	require.Contains(t, got, "file=/tmp/disk,cache=unsafe -device virtio-blk-pci,drive=bedplate-root,serial=bedplate-root,bootindex=0 ")
	for _, no := range []string{"-kernel", "-append", "/cache/root.img", "snapshot"} {
		require.NotContains(t, got, no)
	}
}

func TestMasksAreUnitsNamedOnce(t *testing.T) {
	all := masks()
	require.Len(t, slices.Compact(slices.Clone(all)), len(all))
	for _, m := range all {
		require.Regexp(t, `^[a-z0-9@_.-]+\.(service|target|timer|mount|automount|path)$|^getty@tty1\.service$|^serial-getty@ttyS0\.service$`, m)
	}
}

func TestACommaIsRefused(t *testing.T) {
	_, err := Config{Console: "/out/a,b.log"}.Run(context.Background(), nil)
	require.ErrorContains(t, err, "/out/a,b.log: QEMU can't take a comma")
}

func TestOnlyDoneIsAGoodEnd(t *testing.T) {
	for name, c := range map[string]struct {
		watch       watch
		cause, exit error
		complaints  string
		want        string
	}{
		"done":            {watch: watch{done: true, code: 3}},
		"QEMU's exit 0":   {watch: watch{last: "start a"}, want: "the machine died: QEMU ended; the last it said was start a\n--- end of its console:\noops"},
		"QEMU killed":     {watch: watch{last: "hello"}, exit: errors.New("signal: killed"), want: "QEMU ended (signal: killed); the last it said was hello"},
		"QEMU complained": {watch: watch{last: "power on"}, exit: errors.New("exit status 1"), complaints: "no such file\n", want: "QEMU ended (exit status 1): no such file"},
		"the agent":       {watch: watch{agent: "payload: short"}, want: "its agent gave up: payload: short"},
		"silence":         {watch: watch{last: "start a"}, cause: errSilence, want: "the machine hung: nothing for 0s after start a"},
		"interrupted":     {cause: context.Canceled, want: "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			code, err := c.watch.verdict(c.cause, c.exit, c.complaints, "oops")
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, c.watch.code, code)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}
