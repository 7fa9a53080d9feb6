package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// contender is one way to do the work: the command that does it in a fresh
// directory, with more environment perhaps.
type contender struct {
	name string
	argv func(dir string) []string
	env  func(dir string) []string
}

// taken is what one run took, its child processes included.
type taken struct {
	wall, cpu time.Duration
	rss       int64 // the largest process's, in bytes
}

// race runs the contenders in turn, in changing order, and prints the medians.
func race(work string, runs int, contenders ...contender) error {
	all := make([][]taken, len(contenders))
	for n := range runs + 1 { // the first warms up
		for i := range contenders {
			c := (i + n) % len(contenders)
			t, err := contenders[c].run(work)
			if err != nil {
				return err
			}
			if n > 0 {
				all[c] = append(all[c], t)
			}
		}
	}
	fmt.Println("| | wall | CPU | RSS | wall, the first's = 1 | the first's CPU, its own = 1 |")
	fmt.Println("|---|---|---|---|---|---|")
	for c, runs := range all {
		wall := median(runs, func(t taken) float64 { return t.wall.Seconds() })
		cpu := median(runs, func(t taken) float64 { return t.cpu.Seconds() })
		rss := median(runs, func(t taken) float64 { return float64(t.rss) })
		pairs := make([]taken, len(runs))
		ratio := func(f func(a, b taken) float64) float64 {
			i := -1
			return median(pairs, func(taken) float64 { i++; return f(all[0][i], runs[i]) })
		}
		fmt.Printf("| %s | %.2f s | %.2f s | %.0f MiB | %.2f | %.2f |\n", contenders[c].name, wall, cpu, rss/(1<<20),
			ratio(func(a, b taken) float64 { return b.wall.Seconds() / a.wall.Seconds() }),
			ratio(func(a, b taken) float64 { return a.cpu.Seconds() / b.cpu.Seconds() }))
	}
	return nil
}

func median(runs []taken, of func(taken) float64) float64 {
	var values []float64
	for _, t := range runs {
		values = append(values, of(t))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func (c contender) run(work string) (taken, error) {
	dir, err := os.MkdirTemp(work, "run-")
	if err != nil {
		return taken{}, err
	}
	defer os.RemoveAll(dir)
	argv := c.argv(dir)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	if c.env != nil {
		cmd.Env = append(os.Environ(), c.env(dir)...)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := settle(work); err != nil {
		return taken{}, err
	}
	started := time.Now()
	if err := cmd.Run(); err != nil {
		return taken{}, fmt.Errorf("%s: %w: %s", c.name, err, out.Bytes())
	}
	wall := time.Since(started)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return taken{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss << 10}, nil
}

// settle writes out what the run before left, so that it is not this one's to
// wait for.
func settle(work string) error {
	dir, err := os.Open(work)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}
