package cgroupv2

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// The kernel's files, as they come: these parsers take no memory, and refuse
// what they don't understand rather than guess.

// line cuts the first line off.
func line(text []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(text, []byte{'\n'})
	return first, rest
}

// pair reads "key number".
func pair(text []byte) (key []byte, n uint64, err error) {
	key, value, ok := bytes.Cut(text, []byte{' '})
	if ok {
		n, ok = number(value)
	}
	if !ok {
		return nil, 0, fmt.Errorf("cgroupv2: line %q is not a key and a number", text)
	}
	return key, n, nil
}

// number reads digits, and nothing else.
func number(text []byte) (n uint64, ok bool) {
	for i, c := range text {
		d := uint64(c - '0')
		// Nineteen digits always fit, and a division each is what a sweep would feel.
		if d > 9 || i > 18 && n > (1<<64-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(text) > 0
}

// hundredths reads "12.34", as the averages of pressure are written.
func hundredths(text []byte) (f float64, ok bool) {
	whole, part, _ := bytes.Cut(text, []byte{'.'})
	a, okA := number(whole)
	b, okB := number(part)
	if !okA || !okB || len(part) != 2 || a > 100 {
		return 0, false
	}
	return float64(a*100+b) / 100, true
}

func micros(n uint64) time.Duration { return time.Duration(min(n, 1<<53)) * time.Microsecond }

// parseKernelMemory reads memory.max and its kin.
func parseKernelMemory(text string) (Memory, error) {
	if text == "max" {
		return UnlimitedMemory, nil
	}
	n, ok := number([]byte(text))
	m := Bytes(n)
	if !ok || m.state == invalid {
		return Memory{}, fmt.Errorf("cgroupv2: %q is no amount of memory", text)
	}
	return m, nil
}

// parseKernelCPU reads cpu.max: "50000 100000", "max 100000".
func parseKernelCPU(text string) (CPU, error) {
	quota, period, _ := bytes.Cut([]byte(text), []byte{' '})
	p, ok := number(period)
	if !ok || p == 0 || p > uint64(longest.Microseconds()) {
		return CPU{}, fmt.Errorf("cgroupv2: %q is no cpu.max", text)
	}
	every := time.Duration(p) * time.Microsecond
	if string(quota) == "max" {
		return UnlimitedCPU.WithPeriod(every), nil
	}
	q, ok := number(quota)
	if !ok || q == 0 || q > p*mostCores {
		return CPU{}, fmt.Errorf("cgroupv2: %q is no cpu.max", text)
	}
	return Cores(float64(q) / float64(p)).WithPeriod(every), nil
}

// parseKernelCount reads pids.max. 0, which the kernel takes, is a number here.
func parseKernelCount(text string) (Count, error) {
	if text == "max" {
		return UnlimitedTasks, nil
	}
	n, ok := number([]byte(text))
	if !ok {
		return Count{}, fmt.Errorf("cgroupv2: %q is no number of tasks", text)
	}
	return Tasks(n), nil
}

// Device is a disk by its numbers.
type Device struct{ Major, Minor uint32 }

// String is "254:16".
func (d Device) String() string {
	return strconv.FormatUint(uint64(d.Major), 10) + ":" + strconv.FormatUint(uint64(d.Minor), 10)
}

func parseDevice(text []byte) (d Device, ok bool) {
	major, minor, _ := bytes.Cut(text, []byte{':'})
	a, okA := number(major)
	b, okB := number(minor)
	return Device{uint32(a), uint32(b)}, okA && okB && a < 1<<32 && b < 1<<32
}
