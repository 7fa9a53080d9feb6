package cgroupv2

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Events is what has happened in a cgroup and in those below it. Counts are
// since it was made.
type Events struct {
	// Populated says whether there are processes; Frozen whether all stand still.
	Populated, Frozen bool
	// Memory is zero where the controller is not enabled.
	Memory MemoryEvents
	// TasksRefused is how many forks failed at a limit of tasks.
	TasksRefused uint64
}

// MemoryEvents are those of memory.events.
type MemoryEvents struct {
	Low          uint64 // reclaimed though below memory.low
	High         uint64 // slowed down at memory.high
	Max          uint64 // reclaimed at memory.max
	OOM          uint64 // an allocation was about to fail at memory.max
	OOMKills     uint64 // processes that were killed for want of memory
	OOMGroupKill uint64 // times that the whole group was (kernel 5.17)
}

// Events gives the group's events as they are now, and again each time that they
// have changed, until the context is done. Several changes may come as one, none
// is missed. When the cgroup is removed the last pair has an error that matches
// fs.ErrNotExist.
func (g Group) Events(ctx context.Context) iter.Seq2[Events, error] {
	return func(yield func(Events, error) bool) {
		tree, rel, err := at(g.Path)
		if err != nil {
			yield(Events{}, err)
			return
		}
		defer tree.Close()
		w, err := tree.Watch(rel, eventFiles(tree, rel)...)
		if err != nil {
			yield(Events{}, fmt.Errorf("cgroupv2: %w", err))
			return
		}
		defer w.Close()
		var last Events
		for first := true; ; first = false {
			e, err := readEvents(tree, rel)
			if err != nil {
				yield(Events{}, err)
				return
			}
			if (first || e != last) && !yield(e, nil) {
				return
			}
			last = e
			if err := w.Wait(ctx); err != nil {
				if ctx.Err() == nil {
					yield(Events{}, fmt.Errorf("cgroupv2: %w", err))
				}
				return
			}
		}
	}
}

// eventFiles are those that are there: the others belong to controllers that are
// not enabled.
func eventFiles(tree hierarchy, rel string) []string {
	files := []string{"cgroup.events"}
	for _, f := range []string{"memory.events", "pids.events"} {
		if _, err := tree.Read(rel, f); err == nil {
			files = append(files, f)
		}
	}
	return files
}

func readEvents(tree hierarchy, rel string) (e Events, err error) {
	for _, file := range []string{"cgroup.events", "memory.events", "pids.events"} {
		text, err := tree.Read(rel, file)
		if errors.Is(err, fs.ErrNotExist) && file != "cgroup.events" {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			return e, fmt.Errorf("cgroupv2: %s was removed: %w", cgfs.Host(rel), fs.ErrNotExist)
		}
		if err == nil {
			err = e.parse(file, text)
		}
		if err != nil {
			return e, fmt.Errorf("cgroupv2: %s of %s: %w", file, cgfs.Host(rel), err)
		}
	}
	return e, nil
}

func (e *Events) parse(file, text string) error {
	if file == "memory.events" {
		return e.Memory.parse([]byte(text))
	}
	for line := range strings.Lines(text) {
		key, n, err := pair([]byte(strings.TrimSuffix(line, "\n")))
		switch {
		case err != nil:
			return err
		case file == "pids.events" && string(key) == "max":
			e.TasksRefused = n
		case string(key) == "populated":
			e.Populated = n != 0
		case string(key) == "frozen":
			e.Frozen = n != 0
		}
	}
	return nil
}
