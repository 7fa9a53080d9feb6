package cgroupv2

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// setting is one file of a cgroup, or one line of it, that is to have a value.
type setting struct {
	file string
	// write is what is written, read what then reads back.
	write, read string
	// device is whose line of the file it is, "" for a file of one value.
	device string
	// optional: where the file is missing, the value holds.
	optional bool
}

// disksOf answers what settings ask of disks.
type disksOf struct {
	// numbers finds a disk's MAJ:MIN; weighing says what acts on weights on it.
	numbers, weighing func(device string) (string, error)
}

// settings lists what the limits write, file by file.
func (l Limits) settings(disks disksOf) (list []setting, err error) {
	add := func(file, value string) { list = append(list, setting{file: file, write: value, read: value}) }
	for _, m := range l.memory() {
		if m.value.IsSet() {
			list = append(list, setting{file: m.file, write: m.value.kernel(), read: m.value.kept().kernel()})
		}
	}
	if l.CPUMax.IsSet() {
		add("cpu.max", l.CPUMax.kernel())
		if l.CPUMax.burst > 0 {
			add("cpu.max.burst", strconv.FormatInt(l.CPUMax.burst.Microseconds(), 10))
		}
	}
	switch l.CPUWeight {
	case 0:
	case Idle:
		add("cpu.idle", "1")
	default: // which the kernel refuses while the group is idle
		list = append(list, setting{file: "cpu.idle", write: "0", read: "0", optional: true})
		add("cpu.weight", l.CPUWeight.String())
	}
	if l.CPUSet.IsSet() {
		list = append(list, setting{file: "cpuset.cpus", write: l.CPUSet.kernel(), read: l.CPUSet.list})
	}
	if l.MemoryNodes.IsSet() {
		list = append(list, setting{file: "cpuset.mems", write: l.MemoryNodes.kernel(), read: l.MemoryNodes.list})
	}
	if l.TasksMax.IsSet() {
		add("pids.max", l.TasksMax.kernel())
	}
	if l.IOWeight != 0 {
		add("io.weight", "default "+l.IOWeight.String())
		if bfqLoaded() { // which looks at a file of its own
			line := "default " + l.IOWeight.bfq().String()
			list = append(list, setting{file: "io.bfq.weight", write: line, read: line, optional: true})
		}
	}
	for _, w := range l.IOWeights {
		device, err := disks.numbers(w.Device)
		if err != nil {
			return nil, err
		}
		by, err := disks.weighing(w.Device)
		if err != nil {
			return nil, err
		}
		file, weight := "io.weight", w.Weight
		switch by {
		case "":
			return nil, &UnavailableError{Path: w.Device, What: "weight", Err: errors.New("neither BFQ nor io.cost acts on this disk; IOControl enables them")}
		case "bfq":
			file, weight = "io.bfq.weight", w.Weight.bfq()
		}
		line := device + " " + weight.String()
		list = append(list, setting{file: file, write: line, read: line, device: device})
	}
	for _, w := range l.IOLatency {
		device, err := disks.numbers(w.Device)
		if err != nil {
			return nil, err
		}
		line := device + " target=" + strconv.FormatInt(w.Target.Microseconds(), 10)
		list = append(list, setting{file: "io.latency", write: line, read: line, device: device})
	}
	seen := map[string]string{}
	for i, io := range l.IOMax {
		device, err := disks.numbers(io.Device)
		if err != nil {
			return nil, err
		}
		if other, twice := seen[device]; twice {
			return nil, fieldError("IOMax["+strconv.Itoa(i)+"].Device", io.Device, "it is the same disk as "+other+"; say all of a disk's limits in one")
		}
		seen[device] = io.Device
		line := io.line(device)
		list = append(list, setting{file: "io.max", write: line, read: line, device: device})
	}
	for _, h := range l.HugePages {
		list = append(list, h.setting())
	}
	for _, m := range l.Misc {
		list = append(list, m.setting())
	}
	return list, nil
}

// bfqLoaded says whether the kernel has the BFQ scheduler for any disk, as a module
// that is loaded or built in. Tests change it.
var bfqLoaded = func() bool {
	files, _ := filepath.Glob("/sys/block/*/queue/scheduler") // the pattern is valid
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && slices.Contains(strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(string(text))), "bfq")
	})
}

// line is the limit as a line of io.max.
func (l IOLimit) line(device string) string {
	var b strings.Builder
	b.WriteString(device)
	for _, r := range l.each() {
		if r.rate.IsSet() {
			b.WriteString(" " + r.key + "=" + r.rate.kernel())
		}
	}
	return b.String()
}

// in finds the setting's value in what its file holds.
func (s setting) in(content string) string {
	if s.device == "" && (s.file == "io.weight" || s.file == "io.bfq.weight") {
		content, _, _ = strings.Cut(content, "\n") // the default comes first
		return content
	}
	if s.device == "" {
		return content
	}
	for line := range strings.SplitSeq(content, "\n") {
		if strings.HasPrefix(line, s.device+" ") {
			return line
		}
	}
	return s.device // without limits it has no line
}

// holds says whether a value that was found is the wanted one.
func (s setting) holds(now string) bool {
	if now == s.read {
		return true
	}
	if s.file != "io.max" {
		return false
	}
	// The kernel's line has all four keys, ours those that are wanted.
	have := map[string]string{}
	for _, field := range strings.Fields(now) {
		k, v, _ := strings.Cut(field, "=")
		have[k] = v
	}
	for _, field := range strings.Fields(s.read)[1:] {
		k, v, _ := strings.Cut(field, "=")
		if h, there := have[k]; there && h != v || !there && v != "max" {
			return false
		}
	}
	return true
}

// controller is the one whose file it is.
func (s setting) controller() string {
	name, _, _ := strings.Cut(s.file, ".")
	return name
}

// initially is the setting's value in a new cgroup.
func (s setting) initially() string {
	switch {
	case s.file == "misc.max":
		return s.device + " max"
	case s.device != "":
		return s.device
	case strings.HasPrefix(s.file, "hugetlb."):
		return "max"
	}
	return initial[s.file]
}

// initial is what the files of a new cgroup hold, from 5.10 on; those that start
// empty are not named.
var initial = map[string]string{
	"memory.min": "0", "memory.low": "0", "memory.high": "max", "memory.max": "max", "memory.swap.max": "max",
	"cpu.max": "max 100000", "cpu.max.burst": "0", "cpu.weight": "100", "cpu.idle": "0", "pids.max": "max", "io.weight": "default 100", "io.bfq.weight": "default 100",
}
