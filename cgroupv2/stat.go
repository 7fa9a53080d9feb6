package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Stats is what a cgroup has used. A part whose controller is not enabled here
// is nil, which is not the same as nothing used.
type Stats struct {
	Memory *MemoryStats
	CPU    *CPUStats
	Tasks  *TaskStats
	IO     []IOStats // by device; nil without the controller
	// Pressure is by resource: "cpu", "memory", "io"; empty where the kernel
	// does not measure it.
	Pressure map[string]Pressure
}

// MemoryStats are in bytes; events are counts since the cgroup was made.
type MemoryStats struct {
	Current uint64
	// Peak is known from kernel 5.19 on; 0 where it is not.
	Peak     uint64
	Swap     uint64
	Anon     uint64
	File     uint64
	Kernel   uint64 // kernel stacks, slabs, sockets ("kernel", from 5.18 on)
	Low      uint64 // reclaimed though below memory.low
	High     uint64 // slowed down at memory.high
	Max      uint64 // reclaimed at memory.max
	OOM      uint64 // an allocation was about to fail at memory.max
	OOMKills uint64 // processes that were killed for it
}

// CPUStats are times; periods are counted only where there is a limit.
type CPUStats struct {
	Usage, User, System time.Duration
	Periods             uint64        // enforcement intervals
	Throttled           uint64        // in which the group was held back
	ThrottledTime       time.Duration // summed over its CPUs
}

// TaskStats are counts.
type TaskStats struct {
	Current uint64
	// Refused is how many forks failed at a limit here or above.
	Refused uint64
}

// IOStats are of one disk.
type IOStats struct {
	Device                                   string // "254:0"
	ReadBytes, WriteBytes, ReadOps, WriteOps uint64
}

// Pressure is how much time was lost for want of a resource: parts of the last
// 10, 60 and 300 seconds in percent, and in all.
type Pressure struct{ Some, Full Stall }

// Stall is one line of a pressure file. Some: at least one task waited; full:
// all that were not idle did.
type Stall struct {
	Avg10, Avg60, Avg300 float64
	Total                time.Duration
}

// Stat reads a cgroup's statistics. Reading is allowed everywhere.
func Stat(path string) (Stats, error) {
	rel, err := cgfs.Relative(path)
	if err != nil {
		return Stats{}, err
	}
	tree, err := cgfs.Open()
	if err != nil {
		return Stats{}, fmt.Errorf("cgroupv2: %w", err)
	}
	defer tree.Close()
	if _, err := tree.Dir(rel); err != nil {
		return Stats{}, fmt.Errorf("cgroupv2: %w", err)
	}
	r := reader{tree: tree, rel: rel}
	s := Stats{Memory: r.memory(), CPU: r.cpu(), Tasks: r.tasks(), IO: r.io(), Pressure: r.pressure()}
	return s, r.err
}

// reader reads files and keeps the first error. A file that is missing is not
// one: it belongs to a controller or a kernel that is not here.
type reader struct {
	tree *cgfs.Tree
	rel  string
	err  error
}

func (r *reader) text(file string) (string, bool) {
	s, err := r.tree.Read(r.rel, file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("cgroupv2: %w", err)
	}
	return s, err == nil
}

func (r *reader) number(file string) (uint64, bool) {
	s, ok := r.text(file)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		r.fail(file, err)
	}
	return n, err == nil
}

func (r *reader) flat(file string) map[string]uint64 {
	s, ok := r.text(file)
	if !ok {
		return nil
	}
	m, err := flat(s)
	if err != nil {
		r.fail(file, err)
	}
	return m
}

func (r *reader) fail(file string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("cgroupv2: %s of /%s: %w", file, r.rel, err)
	}
}

func (r *reader) memory() *MemoryStats {
	current, ok := r.number("memory.current")
	if !ok {
		return nil // the root has none either
	}
	m := &MemoryStats{Current: current}
	m.Peak, _ = r.number("memory.peak")
	m.Swap, _ = r.number("memory.swap.current")
	stat, events := r.flat("memory.stat"), r.flat("memory.events")
	m.Anon, m.File, m.Kernel = stat["anon"], stat["file"], stat["kernel"]
	m.Low, m.High, m.Max, m.OOM, m.OOMKills = events["low"], events["high"], events["max"], events["oom"], events["oom_kill"]
	return m
}

func (r *reader) cpu() *CPUStats {
	s := r.flat("cpu.stat")
	if s == nil {
		return nil
	}
	us := func(key string) time.Duration { return time.Duration(s[key]) * time.Microsecond }
	return &CPUStats{
		Usage: us("usage_usec"), User: us("user_usec"), System: us("system_usec"),
		Periods: s["nr_periods"], Throttled: s["nr_throttled"], ThrottledTime: us("throttled_usec"),
	}
}

func (r *reader) tasks() *TaskStats {
	current, ok := r.number("pids.current")
	if !ok {
		return nil
	}
	return &TaskStats{Current: current, Refused: r.flat("pids.events")["max"]}
}

func (r *reader) io() []IOStats {
	text, ok := r.text("io.stat")
	if !ok {
		return nil
	}
	rows, err := nested(text)
	if err != nil {
		r.fail("io.stat", err)
		return nil
	}
	list := make([]IOStats, 0, len(rows))
	for device, row := range rows {
		n := func(key string) uint64 {
			v, err := strconv.ParseUint(row[key], 10, 64)
			if err != nil && row[key] != "" {
				r.fail("io.stat", err)
			}
			return v
		}
		list = append(list, IOStats{device, n("rbytes"), n("wbytes"), n("rios"), n("wios")})
	}
	slices.SortFunc(list, func(a, b IOStats) int { return strings.Compare(a.Device, b.Device) })
	return list
}

func (r *reader) pressure() map[string]Pressure {
	all := map[string]Pressure{}
	for _, resource := range []string{"cpu", "memory", "io"} {
		text, ok := r.text(resource + ".pressure")
		if !ok {
			continue
		}
		p, err := parsePressure(text)
		if err != nil {
			r.fail(resource+".pressure", err)
			continue
		}
		all[resource] = p
	}
	return all
}

func parsePressure(text string) (p Pressure, err error) {
	rows, err := nested(text)
	if err != nil {
		return p, err
	}
	for name, to := range map[string]*Stall{"some": &p.Some, "full": &p.Full} {
		row, there := rows[name]
		if !there { // cpu had no full line before 5.13
			continue
		}
		var errs [4]error
		to.Avg10, errs[0] = strconv.ParseFloat(row["avg10"], 64)
		to.Avg60, errs[1] = strconv.ParseFloat(row["avg60"], 64)
		to.Avg300, errs[2] = strconv.ParseFloat(row["avg300"], 64)
		var total uint64
		total, errs[3] = strconv.ParseUint(row["total"], 10, 63)
		to.Total = time.Duration(total) * time.Microsecond
		if err := errors.Join(errs[:]...); err != nil {
			return Pressure{}, err
		}
	}
	return p, nil
}
