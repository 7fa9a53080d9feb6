package cgroupv2

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of cpu.max: the kernel takes periods from 1 ms to 1 s and quotas from
// 1 ms.
const (
	defaultPeriod = 100 * time.Millisecond
	shortest      = time.Millisecond
	longest       = time.Second
)

// CPU is a bandwidth: how much CPU time per period of real time. The zero value
// leaves a limit alone.
type CPU struct {
	state  state
	cores  float64
	period time.Duration // zero: 100 ms
	burst  time.Duration
}

// UnlimitedCPU takes a limit away.
var UnlimitedCPU = CPU{state: unlimited}

// Cores is a bandwidth in CPUs: Cores(0.5) is half of one, Cores(2) two.
func Cores(n float64) CPU { return CPU{state: limited, cores: n} }

// Percent is a bandwidth in hundredths of one CPU: Percent(50) is Cores(0.5).
func Percent(n float64) CPU { return Cores(n / 100) }

// WithPeriod changes the period, 100 ms by default. A shorter one makes for
// shorter pauses and more overhead.
func (c CPU) WithPeriod(d time.Duration) CPU { c.period = d; return c }

// WithBurst lets unused bandwidth of up to d be used later (kernel 5.14).
func (c CPU) WithBurst(d time.Duration) CPU { c.burst = d; return c }

// IsSet says whether it is anything but the zero value.
func (c CPU) IsSet() bool { return c.state != unset }

// Cores is the bandwidth in CPUs, and whether there is one.
func (c CPU) Cores() (float64, bool) { return c.cores, c.state == limited }

// Period is what the bandwidth is measured over.
func (c CPU) Period() time.Duration {
	if c.period == 0 {
		return defaultPeriod
	}
	return c.period
}

// quota is the CPU time in a period, to the microsecond.
func (c CPU) quota() time.Duration {
	return time.Duration(math.Round(c.cores*float64(c.Period())/float64(time.Microsecond))) * time.Microsecond
}

// String is "50%", with the period if it is not the usual, "infinity", or ""
// for the zero value.
func (c CPU) String() string {
	switch c.state {
	case unset:
		return ""
	case unlimited:
		return "infinity"
	}
	s := strconv.FormatFloat(math.Round(c.cores*1e8)/1e6, 'f', -1, 64) + "%"
	if c.Period() != defaultPeriod {
		s += " per " + c.Period().String()
	}
	return s
}

// kernel is the bandwidth as it stands in cpu.max.
func (c CPU) kernel() string {
	quota := "max"
	if c.state == limited {
		quota = strconv.FormatInt(c.quota().Microseconds(), 10)
	}
	return quota + " " + strconv.FormatInt(c.Period().Microseconds(), 10)
}

// ParseCPU reads "50%", "1.5 cores", "1 core" and "infinity" (or "max"). A bare
// number is refused: it could be cores, percent, or a quota without its period.
func ParseCPU(s string) (CPU, error) {
	text := strings.TrimSpace(s)
	if text == "infinity" || text == "max" {
		return UnlimitedCPU, nil
	}
	number, scale := text, 0.0
	for suffix, factor := range map[string]float64{"%": 0.01, " cores": 1, " core": 1} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			number, scale = n, factor
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || scale == 0 || strings.ContainsAny(number, "eExXpPnNiI_+ ") {
		return CPU{}, fmt.Errorf("cgroupv2: CPU bandwidth %q; write 50%%, 1.5 cores, or infinity", s)
	}
	c := Cores(f * scale)
	if scale == 0.01 {
		c = Percent(f)
	}
	return c, c.validate("CPU bandwidth")
}

// MarshalText and UnmarshalText let a CPU stand in flags and configuration. A
// period of one's own has no text.
func (c CPU) MarshalText() ([]byte, error) {
	if c.Period() != defaultPeriod || c.burst != 0 {
		return nil, fmt.Errorf("cgroupv2: CPU bandwidth %s has no text form with its period or burst", c)
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads what ParseCPU reads; empty text is the zero value.
func (c *CPU) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*c = CPU{}
		return nil
	}
	*c, err = ParseCPU(string(b))
	return err
}

func (c CPU) validate(field string) error {
	if c.state == unset {
		if c.period != 0 || c.burst != 0 {
			return fmt.Errorf("cgroupv2: %s has a period but no bandwidth; start with Cores or Percent", field)
		}
		return nil
	}
	if p := c.Period(); p < shortest || p > longest {
		return fmt.Errorf("cgroupv2: %s has a period of %v; the kernel takes %v to %v", field, p, shortest, longest)
	}
	if c.state == unlimited {
		return nil
	}
	switch {
	case math.IsNaN(c.cores) || math.IsInf(c.cores, 0) || c.cores <= 0 || c.cores > 1<<16:
		return fmt.Errorf("cgroupv2: %s=%v cores is no bandwidth; Cores(0.5) is half a CPU, UnlimitedCPU is no limit", field, c.cores)
	case c.quota() < shortest:
		return fmt.Errorf("cgroupv2: %s=%s is a quota of %v per %v; the kernel takes %v or more: use a longer period", field, c, c.quota(), c.Period(), shortest)
	case c.burst < 0 || c.burst > c.quota():
		return fmt.Errorf("cgroupv2: %s has a burst of %v; it is at most the quota, %v", field, c.burst, c.quota())
	}
	return nil
}
