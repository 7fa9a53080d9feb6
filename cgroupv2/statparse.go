package cgroupv2

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// parse reads memory.stat. Of its sixty lines nine are wanted: no number of the
// others is read, nor what comes after the last of the nine.
func (m *MemoryStats) parse(text []byte) error {
	for left := 9; left > 0 && len(text) > 0; {
		var first []byte
		first, text = line(text)
		key, value, _ := bytes.Cut(first, []byte{' '})
		var to *uint64
		switch string(key) {
		case "anon":
			to = &m.Anon
		case "file":
			to = &m.File
		case "shmem":
			to = &m.Shmem
		case "slab":
			to = &m.Slab
		case "sock":
			to = &m.Sock
		case "kernel_stack":
			to = &m.KernelStack
		case "kernel":
			to, m.Kernel.known = &m.Kernel.n, true
		case "pgfault":
			to = &m.Faults
		case "pgmajfault":
			to = &m.MajorFaults
		default:
			continue
		}
		var ok bool
		if *to, ok = number(value); !ok {
			return fmt.Errorf("cgroupv2: line %q is not a key and a number", first)
		}
		left--
	}
	return nil
}

func (e *MemoryEvents) parse(text []byte) error {
	for len(text) > 0 {
		var first []byte
		first, text = line(text)
		key, n, err := pair(first)
		if err != nil {
			return err
		}
		switch string(key) {
		case "low":
			e.Low = n
		case "high":
			e.High = n
		case "max":
			e.Max = n
		case "oom":
			e.OOM = n
		case "oom_kill":
			e.OOMKills = n
		case "oom_group_kill":
			e.OOMGroupKill = n
		}
	}
	return nil
}

func (c *CPUStats) parse(text []byte) error {
	for len(text) > 0 {
		var first []byte
		first, text = line(text)
		key, n, err := pair(first)
		if err != nil {
			return err
		}
		switch string(key) {
		case "usage_usec":
			c.Usage = micros(n)
		case "user_usec":
			c.User = micros(n)
		case "system_usec":
			c.System = micros(n)
		case "nr_periods":
			c.Periods = known(n)
		case "nr_throttled":
			c.Throttled = known(n)
		case "throttled_usec":
			c.ThrottledTime = micros(n)
		case "nr_bursts":
			c.Bursts = known(n)
		}
	}
	return nil
}

func (t *TaskStats) parse(text []byte) error {
	for len(text) > 0 {
		var first []byte
		first, text = line(text)
		key, n, err := pair(first)
		if err != nil {
			return err
		}
		if string(key) == "max" {
			t.Refused = n
		}
	}
	return nil
}

// parseIOStat appends the disks of io.stat to list, sorted. A line may be of the
// disk's numbers alone, where nothing was counted yet.
func parseIOStat(list []IOStats, text []byte) ([]IOStats, error) {
	for len(text) > 0 {
		var first []byte
		first, text = line(text)
		whole := first
		device, rest, _ := bytes.Cut(first, []byte{' '})
		var s IOStats
		var ok bool
		if s.Device, ok = parseDevice(device); !ok {
			return list, fmt.Errorf("cgroupv2: line %q does not begin with a disk's numbers", whole)
		}
		for len(rest) > 0 {
			var field []byte
			field, rest, _ = bytes.Cut(rest, []byte{' '})
			if len(field) == 0 {
				continue
			}
			key, value, _ := bytes.Cut(field, []byte{'='})
			var to *uint64
			switch string(key) {
			case "rbytes":
				to = &s.ReadBytes
			case "wbytes":
				to = &s.WriteBytes
			case "rios":
				to = &s.ReadOps
			case "wios":
				to = &s.WriteOps
			case "dbytes":
				to = &s.DiscardBytes
			case "dios":
				to = &s.DiscardOps
			default: // io.cost's, which come and go
				continue
			}
			if *to, ok = number(value); !ok {
				return list, fmt.Errorf("cgroupv2: %q in line %q is no number", field, whole)
			}
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b IOStats) int {
		return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor))
	})
	return list, nil
}

func (p *Pressure) parse(text []byte) error {
	*p = Pressure{}
	for len(text) > 0 {
		var first []byte
		first, text = line(text)
		kind, rest, _ := bytes.Cut(first, []byte{' '})
		var s *Stall
		switch string(kind) {
		case "some":
			s = &p.Some
		case "full":
			s = &p.Full
		default:
			return fmt.Errorf("cgroupv2: line %q is of no known kind of pressure", first)
		}
		found := 0
		for len(rest) > 0 {
			var field []byte
			field, rest, _ = bytes.Cut(rest, []byte{' '})
			key, value, _ := bytes.Cut(field, []byte{'='})
			var ok bool
			switch string(key) {
			case "avg10":
				s.Avg10, ok = hundredths(value)
			case "avg60":
				s.Avg60, ok = hundredths(value)
			case "avg300":
				s.Avg300, ok = hundredths(value)
			case "total":
				var n uint64
				n, ok = number(value)
				s.Total = micros(n)
			}
			if !ok {
				return fmt.Errorf("cgroupv2: %q in line %q is no measure of pressure", field, first)
			}
			found++
		}
		if found != 4 {
			return fmt.Errorf("cgroupv2: line %q has %d measures of pressure, not 4", first, found)
		}
		s.Known = true
	}
	return nil
}
