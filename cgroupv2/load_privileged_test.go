//go:build privileged

package cgroupv2_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
)

// detected is what a load says of where it runs.
type detected struct {
	cgroupv2.Info
	Refused, Made            bool
	MemoryMax, By, Effective string
}

// own uses the delegated cgroup that this process was started in.
func own() error {
	g, err := cgroupv2.Own()
	if err != nil {
		return err
	}
	return use(g)
}

// use makes a cgroup below one, with limits, and runs a program in it.
func use(g cgroupv2.Group) error {
	if err := g.Vacate("main"); err != nil {
		return err
	}
	if err := g.Vacate("main"); err != nil { // there is nobody left
		return err
	}
	below := cgroupv2.Group{Path: g.Path + "/worker", Limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(100), TasksMax: cgroupv2.Tasks(50)}}
	if _, err := below.Ensure(context.Background()); err != nil {
		return err
	}
	cmd := exec.Command("/bin/cat", "/proc/self/cgroup")
	cmd.Stdout = os.Stdout
	if err := below.Start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	long := exec.Command("/bin/sleep", "1000")
	if err := below.Start(long); err != nil {
		return err
	}
	if err := below.Freeze(context.Background()); err != nil {
		return err
	}
	if err := below.Kill(context.Background()); err != nil {
		return err
	}
	_ = long.Wait()
	return below.Remove()
}

func scope() error {
	g, err := cgroupv2.Scope{Name: "of-user.scope", User: true, Limits: cgroupv2.Limits{TasksMax: cgroupv2.Tasks(77)}}.Start(context.Background())
	if err != nil {
		return err
	}
	return use(g)
}

// load is what this binary does when it is started as a load: something that
// uses what a limit is about.
func load(args []string) {
	amount := 0
	if len(args) > 1 {
		amount, _ = strconv.Atoi(args[1])
	}
	switch args[0] {
	case "spin": // on so many CPUs
		runtime.GOMAXPROCS(amount + 1)
		for range amount {
			go func() {
				for n := 0; ; n++ {
				}
			}()
		}
		select {}
	case "eat": // so many MiB, and keep them
		var kept [][]byte
		for range amount {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
		}
		fmt.Println("full")
		time.Sleep(time.Hour)
		runtime.KeepAlive(kept)
	case "fork": // one child; says how that went
		if err := exec.Command("/bin/true").Run(); err != nil {
			fmt.Fprintln(os.Stdout, err)
			os.Exit(3)
		}
	case "huge": // so many huge pages, until the input ends
		b, err := syscall.Mmap(-1, 0, amount<<21, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS|syscall.MAP_HUGETLB)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(5)
		}
		for i := range amount {
			b[i<<21] = 1
		}
		_, _ = os.Stdin.Read(make([]byte, 1))
	case "read": // a file, once
		f, err := os.Open(args[1])
		if err == nil {
			_, err = io.Copy(io.Discard, f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(6)
		}
	case "detect": // what this place has, and that nothing is written where it is not cgroup v2
		info, err := cgroupv2.Detect()
		if err != nil {
			fmt.Println(err)
			os.Exit(4)
		}
		_, statErr := cgroupv2.Stat("/x")
		setErr := cgroupv2.Set("/x", cgroupv2.Limits{TasksMax: cgroupv2.Tasks(3)})
		_, ensureErr := cgroupv2.Group{Path: "/y", Limits: cgroupv2.Limits{TasksMax: cgroupv2.Tasks(3)}}.Ensure(context.Background())
		e, effectiveErr := cgroupv2.Effective("/")
		_ = json.NewEncoder(os.Stdout).Encode(detected{
			info, errors.Is(statErr, cgroupv2.ErrNotCgroup2) && errors.Is(setErr, cgroupv2.ErrNotCgroup2) && errors.Is(ensureErr, cgroupv2.ErrNotCgroup2),
			ensureErr == nil, e.MemoryMax.Value.String(), e.MemoryMax.By, fmt.Sprint(effectiveErr),
		})
	case "own":
		if err := own(); err != nil {
			fmt.Println(err)
			os.Exit(4)
		}
	case "scope": // the user's
		if err := scope(); err != nil {
			fmt.Println(err)
			os.Exit(4)
		}
	case "sleep":
		time.Sleep(time.Hour)
	case "procs": // what the runtime chose
		fmt.Println(runtime.GOMAXPROCS(0))
	}
}
