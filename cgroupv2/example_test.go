package cgroupv2_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
)

// The same limits as systemd's directives, and as what the Go runtime should know.
func Example() {
	limits := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(512), CPUMax: cgroupv2.Cores(1.5), TasksMax: cgroupv2.Tasks(256)}.ForService()
	if err := limits.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	for name, value := range limits.Directives(257) {
		fmt.Println(name + "=" + value)
	}
	env, _ := limits.GoEnv(0.1)
	fmt.Println(env)
	// Output:
	// MemoryHigh=471856K
	// MemoryMax=512M
	// MemorySwapMax=0
	// CPUQuota=150%
	// TasksMax=256
	// [GOMAXPROCS=2 GOMEMLIMIT=434862489]
}

func ExampleLimits_Validate() {
	fmt.Println(cgroupv2.Limits{MemoryMax: cgroupv2.Bytes(0)}.Validate())
	fmt.Println(cgroupv2.Limits{MemoryMax: cgroupv2.MiB(64), MemoryHigh: cgroupv2.MiB(80)}.Validate())
	// Output:
	// cgroupv2: MemoryMax=0: it would kill or stop everything in the group (0 is not unlimited); give at least 1M, or UnlimitedMemory
	// cgroupv2: MemoryHigh=80M: it is above MemoryMax=64M, so it never acts; put it below
}

func ExampleParseCPU() {
	_, err := cgroupv2.ParseCPU("50000")
	fmt.Println(err)
	c, _ := cgroupv2.ParseCPU("1.5 cores")
	fmt.Println(c)
	// Output:
	// cgroupv2: CPU bandwidth "50000": a bare number could be cores, percent or microseconds; write 50%, 1.5 cores, 50% per 10ms burst 5ms, or infinity
	// 150%
}

func ExampleWeightFromShares() {
	fmt.Println(cgroupv2.WeightFromShares(512), cgroupv2.WeightFromShares(1024), cgroupv2.WeightFromShares(2048))
	// Output: 59 100 174
}

func ExampleLimits_Warnings() {
	l := cgroupv2.Limits{CPUMax: cgroupv2.Cores(5)}
	fmt.Println(l.Warnings(cgroupv2.Machine{Memory: 1 << 30, CPUs: 2})[0])
	// Output: CPUMax=500% is more than the machine's 2 CPUs and never acts; Percent(50) is half of one
}

// A machine's tree, as an image builder has it: the plan, the edit, and none the
// second time.
func ExampleBoot() {
	root, err := os.MkdirTemp("", "root-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	file := filepath.Join(root, "etc/default/grub")
	_ = os.MkdirAll(filepath.Dir(file), 0o755)
	_ = os.WriteFile(file, []byte("GRUB_CMDLINE_LINUX_DEFAULT=\"quiet psi=0\" # ours\nGRUB_CMDLINE_LINUX='console=tty0'\n"), 0o644)
	boot := cgroupv2.Boot{Root: root, Args: []string{"psi=1"}}
	changes, err := boot.Ensure(context.Background())
	fmt.Println(changes, err)
	text, _ := os.ReadFile(file)
	fmt.Print(string(text))
	changes, err = boot.Ensure(context.Background())
	fmt.Println(changes, err)
	// Output:
	// [update file /etc/default/grub: kernel command line: +psi=1] <nil>
	// GRUB_CMDLINE_LINUX_DEFAULT="quiet" # ours
	// GRUB_CMDLINE_LINUX='console=tty0 psi=1'
	// [] <nil>
}

func ExampleGrading() {
	slices, err := cgroupv2.Grading{
		Machine:  cgroupv2.Machine{Memory: 16 << 30, CPUs: 8},
		Critical: cgroupv2.GiB(8), Batch: cgroupv2.GiB(2), Under: "app",
	}.Slices(257)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range slices {
		fmt.Print(s.Name)
		for name, value := range s.Limits.Directives(257) {
			fmt.Print(" ", name, "=", value)
		}
		fmt.Println()
	}
	// Output:
	// app.slice MemoryLow=8G
	// app-critical.slice MemoryLow=8G CPUWeight=1000 IOWeight=1000
	// app-standard.slice CPUWeight=100 IOWeight=100
	// app-batch.slice MemoryHigh=1887436K MemoryMax=2G MemorySwapMax=0 CPUWeight=idle IOWeight=10
}

func ExampleObservation_Recommend() {
	o := cgroupv2.Observation{
		Limits: cgroupv2.Limits{MemoryMax: cgroupv2.MiB(100)},
		Before: cgroupv2.Stats{Memory: &cgroupv2.MemoryStats{}},
		After:  cgroupv2.Stats{Memory: &cgroupv2.MemoryStats{Current: 90 << 20, Events: cgroupv2.MemoryEvents{OOMKills: 2}}},
		Over:   time.Hour,
	}
	_, advice := o.Recommend()
	for _, a := range advice {
		fmt.Println(a)
	}
	// Output:
	// MemoryMax: 100M → 150M: 2 processes were killed for want of memory; half as much again
	// MemoryHigh: unset → 135M: a tenth below MemoryMax, so that reclaiming comes before killing
}
