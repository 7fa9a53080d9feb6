package cgroupv2_test

import (
	"fmt"

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
