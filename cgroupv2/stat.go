package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Stat reads a cgroup's statistics. Reading is allowed everywhere.
func Stat(path string) (Stats, error) {
	tree, rel, err := at(path)
	if err != nil {
		return Stats{}, err
	}
	defer tree.Close()
	d, err := tree.Dir(rel)
	if err != nil {
		return Stats{}, fmt.Errorf("cgroupv2: %w", err)
	}
	defer d.Close()
	var s sampler
	if err := s.sample(d, AllParts); err != nil {
		return Stats{}, fmt.Errorf("cgroupv2: %s: %w", cgfs.Host(rel), err)
	}
	return s.stats, nil
}

// Pressure is how much time the group lost for want of CPUs, memory and disks.
func (g Group) Pressure() (PressureStats, error) {
	tree, rel, err := at(g.Path)
	if err != nil {
		return PressureStats{}, err
	}
	defer tree.Close()
	d, err := tree.Dir(rel)
	if err != nil {
		return PressureStats{}, fmt.Errorf("cgroupv2: %w", err)
	}
	defer d.Close()
	var s sampler
	if err := s.sample(d, PressurePart); err != nil {
		return PressureStats{}, fmt.Errorf("cgroupv2: %s: %w", cgfs.Host(rel), err)
	}
	return s.stats.Pressure, nil
}

// Part is a part of Stats, for a Sweep that is not to read them all. Each costs
// the reading of files of every group.
type Part uint16

// The parts. They can be added up. SwapPart and PeakPart are of what MemoryPart and
// TasksPart give, and nothing without them.
const (
	MemoryPart Part = 1 << iota // but for swap and peaks
	CPUPart
	TasksPart
	IOPart
	PressurePart
	HugePagesPart
	SwapPart // MemoryStats.Swap
	PeakPart // the most that memory, swap with SwapPart, and tasks ever were
	AllParts = MemoryPart | CPUPart | TasksPart | IOPart | PressurePart | HugePagesPart | SwapPart | PeakPart
)

var (
	memoryCurrent, memoryStat, memoryEvents, memoryPeak = cgfs.Named("memory.current"), cgfs.Named("memory.stat"), cgfs.Named("memory.events"), cgfs.Named("memory.peak")
	swapCurrent, swapPeak                               = cgfs.Named("memory.swap.current"), cgfs.Named("memory.swap.peak")
	cpuStat, pidsCurrent, pidsPeak, pidsEvents, ioStat  = cgfs.Named("cpu.stat"), cgfs.Named("pids.current"), cgfs.Named("pids.peak"), cgfs.Named("pids.events"), cgfs.Named("io.stat")
	cpuPressure, memoryPressure, ioPressure             = cgfs.Named("cpu.pressure"), cgfs.Named("memory.pressure"), cgfs.Named("io.pressure")
)

// errGone: the cgroup was removed while it was read.
var errGone = fmt.Errorf("the cgroup was removed: %w", fs.ErrNotExist)

// sampler reads cgroups one after the other into the same memory.
type sampler struct {
	buf    []byte
	stats  Stats
	memory MemoryStats
	cpu    CPUStats
	tasks  TaskStats
	io     []IOStats
	huge   []HugePageStats
}

func (s *sampler) sample(d cgfs.Dir, parts Part) error {
	s.stats = Stats{}
	if parts&MemoryPart != 0 {
		if err := s.sampleMemory(d, parts); err != nil {
			return err
		}
	}
	if parts&CPUPart != 0 {
		s.cpu = CPUStats{}
		if text, err := s.read(d, &cpuStat); err != nil {
			return err
		} else if text != nil {
			if err := s.cpu.parse(text); err != nil {
				return err
			}
			s.stats.CPU = &s.cpu
		}
	}
	if parts&TasksPart != 0 {
		if err := s.sampleTasks(d, parts); err != nil {
			return err
		}
	}
	if parts&IOPart != 0 {
		text, err := s.read(d, &ioStat)
		if err != nil {
			return err
		}
		if text != nil {
			if s.io == nil {
				s.io = make([]IOStats, 0, 4)
			}
			if s.io, err = parseIOStat(s.io[:0], text); err != nil {
				return err
			}
			s.stats.IO = s.io
		}
	}
	if parts&HugePagesPart != 0 {
		if err := s.sampleHugePages(d); err != nil {
			return err
		}
	}
	if parts&PressurePart != 0 {
		if err := s.samplePressure(d); err != nil {
			return err
		}
	}
	// A controller that is not enabled, or files that went with their cgroup?
	lacking := parts&MemoryPart != 0 && s.stats.Memory == nil || parts&CPUPart != 0 && s.stats.CPU == nil ||
		parts&TasksPart != 0 && s.stats.Tasks == nil || parts&IOPart != 0 && s.stats.IO == nil ||
		parts&PressurePart != 0 && !s.stats.Pressure.IO.Some.Known
	if lacking && !d.There() {
		return errGone
	}
	return nil
}

// hugeFiles are the files of every size, and the size.
var hugeFiles = func() (list []struct {
	current, events cgfs.Name
	size            uint64
}) {
	for _, s := range hugeSizes {
		list = append(list, struct {
			current, events cgfs.Name
			size            uint64
		}{cgfs.Named("hugetlb." + s + ".current"), cgfs.Named("hugetlb." + s + ".events"), hugeBytes(s)})
	}
	return list
}()

func (s *sampler) sampleHugePages(d cgfs.Dir) error {
	s.huge = s.huge[:0]
	for i := range hugeFiles {
		f := &hugeFiles[i]
		current, err := s.number(d, &f.current)
		if err != nil {
			return err
		}
		if !current.known {
			continue
		}
		text, err := s.read(d, &f.events)
		var refused TaskStats // the same form: "max 3"
		if err == nil {
			err = refused.parse(text)
		}
		if err != nil {
			return err
		}
		s.huge = append(s.huge, HugePageStats{f.size, current.n, refused.Refused})
	}
	if len(s.huge) > 0 {
		s.stats.HugePages = s.huge
	}
	return nil
}

// read reads a file; nil if there is none, which is no error: it belongs to a
// controller or a kernel that is not here.
func (s *sampler) read(d cgfs.Dir, file *cgfs.Name) (text []byte, err error) {
	s.buf, err = d.Read(file, s.buf)
	switch {
	case err == nil:
		return s.buf, nil
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EOPNOTSUPP): // the latter: pressure with psi=0
		return nil, nil
	case errors.Is(err, syscall.ENODEV):
		return nil, errGone
	}
	return nil, fmt.Errorf("%s: %w", file, err)
}

func (s *sampler) number(d cgfs.Dir, file *cgfs.Name) (Reading, error) {
	text, err := s.read(d, file)
	if err != nil || text == nil {
		return Reading{}, err
	}
	first, _ := line(text)
	n, ok := number(first)
	if !ok {
		return Reading{}, fmt.Errorf("%s: %q is no number", file, text)
	}
	return known(n), nil
}

func (s *sampler) sampleMemory(d cgfs.Dir, parts Part) error {
	s.memory = MemoryStats{}
	current, err := s.number(d, &memoryCurrent)
	if err != nil || !current.known { // the root has none
		return err
	}
	m := &s.memory
	m.Current = current.n
	if parts&PeakPart != 0 {
		if m.Peak, err = s.number(d, &memoryPeak); err != nil {
			return err
		}
	}
	if parts&SwapPart != 0 {
		if m.Swap, err = s.number(d, &swapCurrent); err != nil {
			return err
		}
	}
	if m.Swap.known && parts&PeakPart != 0 {
		if m.SwapPeak, err = s.number(d, &swapPeak); err != nil {
			return err
		}
	}
	text, err := s.read(d, &memoryStat)
	if err == nil {
		err = m.parse(text)
	}
	if err != nil {
		return err
	}
	if text, err = s.read(d, &memoryEvents); err == nil {
		err = m.Events.parse(text)
	}
	s.stats.Memory = m
	return err
}

func (s *sampler) sampleTasks(d cgfs.Dir, parts Part) error {
	s.tasks = TaskStats{}
	current, err := s.number(d, &pidsCurrent)
	if err != nil || !current.known {
		return err
	}
	s.tasks.Current = current.n
	if parts&PeakPart != 0 {
		if s.tasks.Peak, err = s.number(d, &pidsPeak); err != nil {
			return err
		}
	}
	text, err := s.read(d, &pidsEvents)
	if err == nil {
		err = s.tasks.parse(text)
	}
	s.stats.Tasks = &s.tasks
	return err
}

func (s *sampler) samplePressure(d cgfs.Dir) error {
	for _, p := range [...]struct {
		file *cgfs.Name
		to   *Pressure
	}{{&cpuPressure, &s.stats.Pressure.CPU}, {&memoryPressure, &s.stats.Pressure.Memory}, {&ioPressure, &s.stats.Pressure.IO}} {
		text, err := s.read(d, p.file)
		if err == nil {
			err = p.to.parse(text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
