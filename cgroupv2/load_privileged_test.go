//go:build privileged

package cgroupv2_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"
)

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
	case "sleep":
		time.Sleep(time.Hour)
	case "procs": // what the runtime chose
		fmt.Println(runtime.GOMAXPROCS(0))
	}
}
