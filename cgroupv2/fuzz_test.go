package cgroupv2

import (
	"bytes"
	"encoding"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is read as a value is written so that it reads as the same again, and is
// valid wherever a value from text may stand.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"512M", "75%", "1.5G", "infinity", "50%", "1.5 cores per 10ms burst 5ms", "0-2,7", "all", "idle", "100", "10MiB/s", "0.1%", "33.333333%", "99.999999999 cores"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		again(t, s, ParseMemory)
		again(t, s, ParseCPU)
		again(t, s, ParseWeight)
		again(t, s, ParseCPUSet)
		again(t, s, ParseCount)
		again(t, s, ParseRate)
		if c, err := ParseCPU(s); err == nil {
			if _, limited := c.Cores(); limited {
				k, err := parseKernelCPU(c.kernel())
				require.NoError(t, err)
				require.Equal(t, c.kernel(), k.kernel())
			}
		}
	})
}

func again[T interface {
	comparable
	encoding.TextMarshaler
	String() string
}](t *testing.T, s string, parse func(string) (T, error)) {
	v, err := parse(s)
	if err != nil {
		return
	}
	text, err := v.MarshalText()
	require.NoError(t, err)
	require.NotEmpty(t, text)
	same, err := parse(string(text))
	require.NoError(t, err, "%q of %q", text, s)
	require.Equal(t, v.String(), same.String())
}

// The kernel's files, whatever they hold: an error or a value, no crash, and what
// was understood is there again when it is read again.
func FuzzKernelFiles(f *testing.F) {
	for _, s := range []string{
		"max 100000", "50000 100000", "8:0 rbps=1 wbps=max riops=max wiops=max\n254:16 rbps=max wbps=5 riops=7 wiops=max", "default 100\n8:0 50", "sev 10\nsev_es max",
		"anon 1\nfile 2\nkernel 3", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4", "usage_usec 5\nuser_usec 4\nsystem_usec 1\nnr_periods 3", "populated 1\nfrozen 0",
		"some avg10=0.00 avg60=0.12 avg300=1.00 total=55\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n7:0",
		"36 25 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot", "0::/user.slice", "12:cpu:/a\n0::/b", "254:16 target=20000", "default 100\n8:0 50",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := string(b)
		if m, err := parseKernelMemory(s); err == nil {
			require.Equal(t, strings.TrimLeft(s, "0"), strings.TrimLeft(m.kernel(), "0"))
		}
		if c, err := parseKernelCPU(s); err == nil {
			same, err := parseKernelCPU(c.kernel())
			require.NoError(t, err)
			require.Equal(t, c.kernel(), same.kernel())
		}
		if list, err := parseIOMax(s); err == nil {
			text := ""
			for _, l := range list {
				text += l.line(l.Device) + "\n"
			}
			same, err := parseIOMax(text)
			require.NoError(t, err)
			require.Equal(t, list, same)
		}
		if list, err := parseMiscMax(s); err == nil {
			text := ""
			for _, m := range list {
				text += m.setting().write + "\n"
			}
			same, err := parseMiscMax(text)
			require.NoError(t, err)
			require.Equal(t, list, same)
		}
		if list, err := parseDeviceWeights(s); err == nil {
			text := "default 100\n"
			for _, w := range list {
				text += w.Device + " " + w.Weight.String() + "\n"
			}
			same, err := parseDeviceWeights(text)
			require.NoError(t, err)
			require.Equal(t, list, same)
		}
		if list, err := parseLatencies(s); err == nil {
			text := ""
			for _, w := range list {
				text += fmt.Sprintf("%s target=%d\n", w.Device, w.Target.Microseconds())
			}
			same, err := parseLatencies(text)
			require.NoError(t, err)
			require.Equal(t, list, same)
		}
		_, _ = parseKernelSet(s)
		_, _ = parseDefaultWeight(s)
		_, _ = parseKernelCount(s)
		var (
			m MemoryStats
			e Events
			c CPUStats
			k TaskStats
			p Pressure
		)
		_, _, _, _ = m.parse(b), m.Events.parse(b), c.parse(b), k.parse(b)
		if p.parse(b) == nil && len(b) > 0 {
			require.True(t, p.Some.Known || p.Full.Known)
		}
		_ = e.parse("cgroup.events", s)
		if list, err := parseIOStat(nil, b); err == nil {
			require.Len(t, list, bytes.Count(bytes.TrimSuffix(b, []byte{'\n'}), []byte{'\n'})+min(len(b), 1))
		}
		info := parseMounts(s)
		require.NotEmpty(t, info.Mode)
		_ = ownGroup(s)
	})
}
