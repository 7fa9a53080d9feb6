package cgroupv2

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// write is one file of a cgroup that is to have a value.
type write struct {
	file, value string
	// now reads the value out of what the file holds, for files of many lines.
	now func(content string) string
	// same says whether what is there is what was wanted, rounding aside.
	same func(now, wanted string) bool
}

func whole(content string) string { return content }

func equal(now, wanted string) bool { return now == wanted }

// pageRounded: the kernel counts memory in pages and rounds down.
func pageRounded(now, wanted string) bool {
	a, errA := strconv.ParseUint(now, 10, 64)
	b, errB := strconv.ParseUint(wanted, 10, 64)
	if errA != nil || errB != nil {
		return now == wanted
	}
	page := uint64(os.Getpagesize())
	return a == b/page*page || a == b
}

// writes lists what the limits write, in the order of the files' names; sorted
// gives the order of writing.
func (l Limits) writes(resolve func(device string) (string, error)) (list []write, err error) {
	for _, m := range []struct {
		file  string
		value Memory
	}{
		{"memory.high", l.MemoryHigh}, {"memory.low", l.MemoryLow}, {"memory.max", l.MemoryMax}, {"memory.min", l.MemoryMin}, {"memory.swap.max", l.MemorySwapMax},
	} {
		if m.value.IsSet() {
			list = append(list, write{m.file, m.value.kernel(), whole, pageRounded})
		}
	}
	if l.CPUMax.IsSet() {
		list = append(list, write{"cpu.max", l.CPUMax.kernel(), whole, equal})
		if l.CPUMax.burst > 0 {
			list = append(list, write{"cpu.max.burst", strconv.FormatInt(l.CPUMax.burst.Microseconds(), 10), whole, equal})
		}
	}
	if l.CPUWeight != 0 {
		list = append(list, write{"cpu.weight", strconv.Itoa(int(l.CPUWeight)), whole, equal})
	}
	if l.TasksMax.IsSet() {
		list = append(list, write{"pids.max", l.TasksMax.kernel(), whole, equal})
	}
	if l.IOWeight != 0 {
		list = append(list, write{"io.weight", "default " + strconv.Itoa(int(l.IOWeight)), firstLine, equal})
	}
	for _, io := range l.IOMax {
		device, err := resolve(io.Device)
		if err != nil {
			return nil, err
		}
		list = append(list, write{"io.max", io.kernel(device), lineOf(device), ioSame})
	}
	return list, nil
}

// kernel is the limit as a line of io.max.
func (l IOLimit) kernel(device string) string {
	var b strings.Builder
	b.WriteString(device)
	for _, r := range l.each() {
		switch r.rate.state {
		case limited:
			fmt.Fprintf(&b, " %s=%d", r.key, r.rate.n)
		case unlimited:
			fmt.Fprintf(&b, " %s=max", r.key)
		}
	}
	return b.String()
}

func firstLine(content string) string {
	line, _, _ := strings.Cut(content, "\n")
	return line
}

// lineOf gives a device's line. A device without limits has none.
func lineOf(device string) func(string) string {
	return func(content string) string {
		for line := range strings.SplitSeq(content, "\n") {
			if strings.HasPrefix(line, device+" ") {
				return line
			}
		}
		return device
	}
}

// ioSame compares key by key: the kernel's line has all four, ours the wanted.
func ioSame(now, wanted string) bool {
	have := map[string]string{}
	for _, kv := range strings.Fields(now) {
		k, v, _ := strings.Cut(kv, "=")
		have[k] = v
	}
	for _, kv := range strings.Fields(wanted)[1:] {
		k, v, _ := strings.Cut(kv, "=")
		if h, there := have[k]; there && h != v || !there && v != "max" {
			return false
		}
	}
	return true
}

// controller is the one whose file it is.
func (w write) controller() string {
	name, _, _ := strings.Cut(w.file, ".")
	return name
}

// memoryOrder are memory's files from the outermost bound to the innermost.
var memoryOrder = []string{"memory.swap.max", "memory.max", "memory.high", "memory.low", "memory.min"}

// inOrder sorts the writes that differ so that no moment has bounds that
// contradict each other: what grows goes from the outside in, what shrinks from
// the inside out, shrinking last.
func inOrder(list []change) []change {
	rank := func(c change) int {
		for i, f := range memoryOrder {
			if c.file != f {
				continue
			}
			if amount(c.value) >= amount(c.was) {
				return i - 2*len(memoryOrder)
			}
			return len(memoryOrder) - i
		}
		return -len(memoryOrder)
	}
	sorted := make([]change, 0, len(list))
	for r := -2 * len(memoryOrder); r <= len(memoryOrder); r++ {
		for _, c := range list {
			if rank(c) == r {
				sorted = append(sorted, c)
			}
		}
	}
	return sorted
}

func amount(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil { // "max"
		return math.MaxUint64
	}
	return n
}

// change is a write that differs from what is there.
type change struct {
	write
	was string
}
