package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// spanUnits by the words of systemd.time(7).
var spanUnits = map[string]float64{
	"": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1,
	"ns": 1e-9, "nsec": 1e-9, "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "msec": 1e-3,
	"m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
	"d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800, "weeks": 604800,
	"M": 2629800, "month": 2629800, "months": 2629800, "y": 31557600, "year": 31557600, "years": 31557600,
}

// sizeUnits of systemd are single letters, to the base of 1024.
var sizeUnits = map[string]float64{"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60}

// quantity reads numbers with units, which add up: "5min 20s".
func quantity(s string, units map[string]float64) (total float64, ok bool) {
	rest := strings.Trim(s, blank)
	if rest == "infinity" {
		return math.Inf(1), true
	}
	for rest != "" {
		n := 0
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		number, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, false
		}
		rest = strings.TrimLeft(rest[n:], blank)
		n = strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' || r == ' ' || r == '\t' })
		if n < 0 {
			n = len(rest)
		}
		factor, known := units[rest[:n]]
		if !known {
			return 0, false
		}
		total, ok = total+number*factor, true
		rest = strings.TrimLeft(rest[n:], blank)
	}
	return total, ok
}

// timeSpan reads a span of time as systemd does.
func timeSpan(s string) (time.Duration, bool) {
	v, ok := quantity(s, spanUnits)
	if !ok {
		return 0, false
	}
	// systemd counts microseconds; a float does not hold most fractions of a second.
	return time.Duration(math.Round(min(v*1e6, math.MaxInt64/2e3))) * time.Microsecond, true
}

func spanProblem(_ *linter, _, value string) string {
	if _, ok := timeSpan(value); !ok {
		return "it is no span of time; write 90, 90s, 1min 30s, 500ms or infinity"
	}
	return ""
}

// secondProblem checks a span that is a second at least, and has an end.
func secondProblem(_ *linter, _, value string) string {
	if v, ok := timeSpan(value); !ok || v < time.Second || strings.Trim(value, blank) == "infinity" {
		return "it is no span of time of a second or more that has an end"
	}
	return ""
}

func timerProblem(l *linter, key, value string) string {
	if key == "OnCalendar" {
		if p := calendarProblem(value); p != "" && !specified(value) {
			return "it " + p
		}
		return ""
	}
	return spanProblem(l, key, value)
}

// finite are sizes that can't be without end.
var finite = []string{"PipeSize", "ReceiveBuffer", "SendBuffer"}

func sizeProblem(_ *linter, key, value string) string {
	if v, ok := quantity(value, sizeUnits); !ok || math.IsInf(v, 1) && contains(finite, key) {
		return "it is no size; write bytes, or K, M, G or T after the number, without B"
	}
	return ""
}

// positive are limits of memory that can't be nothing.
var positive = []string{"MemoryMax", "MemoryHigh", "StartupMemoryMax", "StartupMemoryHigh", "MemoryLimit", "DefaultStartupMemoryLow"}

// limitProblem checks Memory*= and Limit*=, which are of one kind for systemd.
func limitProblem(l *linter, key, value string) string {
	if name, ok := strings.CutPrefix(key, "Limit"); ok {
		return resourceProblem(l, name, value)
	}
	if p, ok := strings.CutSuffix(value, "%"); ok {
		return percentProblem(p, 100)
	}
	if p := sizeProblem(l, key, value); p != "" {
		return p
	}
	if v, _ := quantity(value, sizeUnits); v == 0 && contains(positive, key) {
		return "0 is out of range; unlimited is infinity"
	}
	return ""
}

// resourceProblem checks a limit of setrlimit(2), "soft:hard" or one for both.
func resourceProblem(l *linter, name, value string) string {
	for part := range strings.SplitSeq(value, ":") {
		var ok bool
		switch name {
		case "NOFILE", "NPROC", "LOCKS", "SIGPENDING", "RTPRIO":
			n, number := integer(part)
			ok = number && n >= 0 || part == "infinity"
		case "NICE":
			n, err := strconv.Atoi(part)
			ok = err == nil && n >= -20 && n <= 40
		case "CPU", "RTTIME":
			_, ok = timeSpan(part)
		default:
			if p := sizeProblem(l, name, part); p != "" {
				return p
			}
			ok = true
		}
		if !ok {
			return "it is no limit; write a number, soft:hard or infinity"
		}
	}
	if soft, hard, two := strings.Cut(value, ":"); two && softOver(soft, hard) {
		return "the soft limit is over the hard one"
	}
	if strings.Count(value, ":") > 1 {
		return "it is one limit, or soft:hard"
	}
	return ""
}

func softOver(soft, hard string) bool {
	for _, units := range []map[string]float64{sizeUnits, spanUnits} {
		s, okS := quantity(soft, units)
		h, okH := quantity(hard, units)
		if okS && okH {
			return s > h
		}
	}
	return false
}

func percentProblem(number string, most float64) string {
	if v, err := strconv.ParseFloat(number, 64); err != nil || v < 0 || v > most || strings.ContainsAny(number, "eExX+-") {
		return "it is no percentage that fits"
	}
	return ""
}

func quotaProblem(_ *linter, _, value string) string {
	p, ok := strings.CutSuffix(value, "%")
	switch {
	case !ok:
		return "it needs a percent sign: 75% is three quarters of one CPU, 200% are two"
	case strings.Trim(p, "0.") == "":
		return "a quota of nothing is out of range"
	}
	return percentProblem(p, math.MaxInt32)
}

func tasksProblem(_ *linter, _, value string) string {
	if p, ok := strings.CutSuffix(value, "%"); ok {
		return percentProblem(p, 100)
	}
	if n, ok := integer(value); value != "infinity" && (!ok || n <= 0) {
		return "it is a number over 0, a percentage or infinity"
	}
	return ""
}

func pressureProblem(_ *linter, _, value string) string {
	p, ok := strings.CutSuffix(value, "%")
	if !ok {
		return "it is a percentage"
	}
	return percentProblem(p, 100)
}

func weightProblem(l *linter, key, value string) string {
	if value == "idle" && strings.HasSuffix(key, "CPUWeight") {
		if since := valueSince("CPUWeight", "idle"); l.version < since {
			return fmt.Sprintf("idle came with systemd %d", since)
		}
		return ""
	}
	return between(1, 10000)(l, key, value)
}

func between(low, high int64) problem {
	return func(_ *linter, _, value string) string {
		if n, ok := integer(value); !ok || n < low || n > high {
			return fmt.Sprintf("it is a number from %d to %d", low, high)
		}
		return ""
	}
}

// priorityProblem checks CPUSchedulingPriority=, which 247 holds against the policy
// that stands before it.
func priorityProblem(l *linter, key, value string) string {
	if p := between(0, 99)(l, key, value); p != "" || l.version > 247 {
		return p
	}
	policy, _ := l.last(sectionOf[l.kind], "CPUSchedulingPolicy")
	if n, _ := integer(value); (n > 0) != contains([]string{"fifo", "rr"}, policy.Value) {
		return "systemd 247 takes 1 to 99 behind CPUSchedulingPolicy=fifo or rr, and 0 behind any other"
	}
	return ""
}

func unsignedProblem(_ *linter, _, value string) string {
	if n, ok := integer(value); !ok || n < 0 || n > math.MaxUint32 {
		return "it is a number, 0 or more"
	}
	return ""
}

func modeProblem(_ *linter, _, value string) string {
	if n, err := strconv.ParseUint(value, 8, 32); err != nil || n > 0o7777 {
		return "it is an octal mode, such as 0750"
	}
	return ""
}

// deviceProblem checks IOReadBandwidthMax= and its kin: a path and a rate.
func deviceProblem(_ *linter, _, value string) string {
	list, ok := split(value)
	if !ok || len(list) != 2 || !strings.HasPrefix(list[0], "/") && !strings.HasPrefix(list[0], "%") {
		return "it is the path of a device and a rate: /dev/vda 10M"
	}
	if _, ok := quantity(list[1], sizeUnits); !ok {
		return "the rate is bytes per second, or K, M, G after the number"
	}
	return ""
}
