package cgroupv2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// OOMWatch remembers what the kernel had counted, so that a kill for want of
// memory can be told from any other death. Begin it before the process starts,
// and ask for the verdict when it has ended: the kernel counts before it kills,
// so that a process that has been waited for has its verdict already, without
// any waiting or racing for events.
type OOMWatch struct {
	rel    string
	before map[string]oomCounts // by cgroup: the watched one, those above, those below
}

type oomCounts struct {
	kills uint64 // in the cgroup and those below
	local uint64 // allocations that failed at this cgroup's own limit
}

// OOMVerdict is what was found since the watch began.
type OOMVerdict struct {
	// Kills is how many processes of the group and those below were killed for want
	// of memory.
	Kills uint64
	// By is the cgroup whose limit did it: the group, one below or above; "" where
	// the machine itself had no memory left, and with no kill.
	By string
	// Limit is the memory.max of By now.
	Limit Memory
}

// String is the verdict in a line.
func (v OOMVerdict) String() string {
	switch {
	case v.Kills == 0:
		return "no process was killed for want of memory"
	case v.By == "":
		return fmt.Sprintf("%d killed for want of memory: the machine had none left", v.Kills)
	}
	return fmt.Sprintf("%d killed for want of memory: memory.max=%s of %s", v.Kills, v.Limit, v.By)
}

// WatchOOM begins a watch. It holds nothing open.
func (g Group) WatchOOM() (*OOMWatch, error) {
	tree, rel, err := at(g.Path)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	w := &OOMWatch{rel: rel}
	w.before, err = countOOM(tree, rel)
	if err == nil {
		if _, counted := w.before[rel]; !counted {
			err = &UnavailableError{Path: cgfs.Host(rel), What: "memory.events", Err: fs.ErrNotExist}
		}
	}
	return w, err
}

// Verdict says what happened to the group since the watch began.
func (w *OOMWatch) Verdict() (OOMVerdict, error) {
	tree, err := cgfs.Open()
	if err != nil {
		return OOMVerdict{}, fmt.Errorf("cgroupv2: %w", err)
	}
	defer tree.Close()
	now, err := countOOM(tree, w.rel)
	if err != nil {
		return OOMVerdict{}, err
	}
	v := OOMVerdict{Kills: now[w.rel].kills - w.before[w.rel].kills}
	if v.Kills == 0 {
		return OOMVerdict{}, nil
	}
	// The innermost whose own limit failed.
	for at, c := range now {
		if c.local > w.before[at].local && len(at) > len(v.By) {
			v.By = at
		}
	}
	if v.By == "" {
		return v, nil
	}
	text, err := tree.Read(v.By, "memory.max")
	if err == nil {
		v.Limit, err = parseKernelMemory(text)
	}
	v.By = cgfs.Host(v.By)
	return v, err
}

// countOOM reads the counts of a cgroup, of all above, and of those below.
func countOOM(t hierarchy, rel string) (counts map[string]oomCounts, err error) {
	counts = map[string]oomCounts{}
	read := func(at string) error {
		c, ok, err := readOOM(t, at)
		if ok {
			counts[at] = c
		}
		return err
	}
	for at := rel; at != ""; at = cgfs.Parent(at) {
		if err := read(at); err != nil {
			return nil, err
		}
	}
	if there, err := t.Exists(rel); err != nil || !there {
		return nil, fmt.Errorf("cgroupv2: %s was removed, and what it counted with it: %w", cgfs.Host(rel), errors.Join(err, fs.ErrNotExist))
	}
	err = below(t, rel, func(at string) error {
		if at == rel {
			return nil
		}
		return read(at)
	})
	return counts, err
}

func readOOM(t hierarchy, at string) (c oomCounts, ok bool, err error) {
	for _, f := range []struct {
		file string
		to   func(MemoryEvents)
	}{
		{"memory.events", func(e MemoryEvents) { c.kills = e.OOMKills }},
		{"memory.events.local", func(e MemoryEvents) { c.local = e.OOM }},
	} {
		text, err := t.Read(at, f.file)
		if errors.Is(err, os.ErrNotExist) {
			return c, false, nil
		}
		var e MemoryEvents
		if err == nil {
			err = e.parse([]byte(text))
		}
		if err != nil {
			return c, false, fmt.Errorf("cgroupv2: %w", err)
		}
		f.to(e)
	}
	return c, true, nil
}
