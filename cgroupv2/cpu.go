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
	mostCores     = 1 << 16
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
func (c CPU) WithPeriod(d time.Duration) CPU {
	if d == defaultPeriod {
		d = 0 // so that equal bandwidths are ==
	}
	c.period = d
	return c
}

// WithBurst lets unused bandwidth of up to d be used later (kernel 5.14). A
// burst of zero is left as it is.
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

// String is "50%", "50% per 10ms burst 5ms" with a period that is not the usual
// and a burst, "infinity", or "" for the zero value.
func (c CPU) String() string {
	s := "infinity"
	switch c.state {
	case unset:
		return ""
	case limited:
		s = percent(c.cores, 6)
	}
	if c.Period() != defaultPeriod {
		s += " per " + c.Period().String()
	}
	if c.burst != 0 {
		s += " burst " + c.burst.String()
	}
	return s
}

func percent(cores float64, places int) string {
	scale := math.Pow10(places)
	return strconv.FormatFloat(math.Round(cores*100*scale)/scale, 'f', -1, 64) + "%"
}

// kernel is the bandwidth as it stands in cpu.max.
func (c CPU) kernel() string {
	quota := "max"
	if c.state == limited {
		quota = strconv.FormatInt(c.quota().Microseconds(), 10)
	}
	return quota + " " + strconv.FormatInt(c.Period().Microseconds(), 10)
}

// ParseCPU reads "50%", "1.5 cores", "1 core" and "infinity" (or "max"), each
// perhaps with a period and a burst: "50% per 10ms burst 5ms". A bare number is
// refused: it could be cores, percent, or a quota without its period.
func ParseCPU(s string) (CPU, error) {
	bad := func(why string) (CPU, error) {
		return CPU{}, fmt.Errorf("cgroupv2: CPU bandwidth %q: %s; write 50%%, 1.5 cores, 50%% per 10ms burst 5ms, or infinity", s, why)
	}
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return bad("it is empty")
	}
	var c CPU
	amount, rest := fields[0], fields[1:]
	hundredths, isPercent := strings.CutSuffix(amount, "%")
	switch {
	case amount == "infinity" || amount == "max":
		c = UnlimitedCPU
	case isPercent && decimal(hundredths, len(hundredths)):
		f, _ := strconv.ParseFloat(hundredths, 64)
		c = Percent(f)
	case !isPercent && decimal(amount, len(amount)) && len(rest) > 0 && (rest[0] == "cores" || rest[0] == "core"):
		f, _ := strconv.ParseFloat(amount, 64)
		c, rest = Cores(f), rest[1:]
	case !isPercent && decimal(amount, len(amount)):
		return bad("a bare number could be cores, percent or microseconds")
	default:
		return bad("it is no amount")
	}
	for _, part := range []struct {
		word string
		to   *time.Duration
	}{{"per", &c.period}, {"burst", &c.burst}} {
		if len(rest) >= 2 && rest[0] == part.word {
			d, err := time.ParseDuration(rest[1])
			if err != nil || d <= 0 {
				return bad(part.word + " needs a time such as 10ms")
			}
			*part.to, rest = d, rest[2:]
		}
	}
	if len(rest) > 0 {
		return bad("what " + strconv.Quote(rest[0]) + " means is not clear")
	}
	if c.period == defaultPeriod {
		c.period = 0
	}
	if err := c.validate("CPU"); err != nil {
		return CPU{}, err
	}
	return c, nil
}

// MarshalText and UnmarshalText let a CPU stand in flags and configuration.
func (c CPU) MarshalText() ([]byte, error) { return marshal(c.state, c.String()) }

// UnmarshalText reads what ParseCPU reads; empty text is the zero value.
func (c *CPU) UnmarshalText(b []byte) error { return unmarshal(b, c, ParseCPU) }

func (c CPU) validate(field string) error {
	bad := func(problem string) error { return fieldError(field, c.String(), problem) }
	if c.state == unset {
		if c.period != 0 || c.burst != 0 {
			return bad("it has a period or a burst but no bandwidth; start with Cores or Percent")
		}
		return nil
	}
	if p := c.Period(); p < shortest || p > longest || p%time.Microsecond != 0 {
		return bad(fmt.Sprintf("its period is %v; the kernel takes %v to %v, in microseconds", p, shortest, longest))
	}
	if c.state == limited {
		switch {
		case math.IsNaN(c.cores) || c.cores <= 0 || c.cores > mostCores:
			return bad("it is no bandwidth; Cores(0.5) is half a CPU, UnlimitedCPU is no limit")
		case c.quota() < shortest:
			return bad(fmt.Sprintf("it is a quota of %v per %v, and the kernel takes %v or more; use a longer period", c.quota(), c.Period(), shortest))
		}
	}
	switch {
	case c.burst < 0 || c.burst%time.Microsecond != 0:
		return bad(fmt.Sprintf("its burst is %v; it is a time in microseconds", c.burst))
	case c.burst > 0 && c.state == unlimited:
		return bad("there is nothing to burst out of without a limit")
	case c.burst > c.quota() && c.state == limited:
		return bad(fmt.Sprintf("its burst is %v; it is at most the quota, %v", c.burst, c.quota()))
	}
	return nil
}
