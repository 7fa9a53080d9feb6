package cgroupv2

import "fmt"

// Weight is a share of what is contended, against the siblings' weights: 1 to
// 10,000, where the kernel starts with 100. The zero value leaves it alone.
type Weight uint16

// DefaultWeight is what a group has that nobody gave a weight.
const DefaultWeight Weight = 100

// WeightFromShares converts cgroup v1's cpu.shares (2 to 262,144, default 1,024)
// so that both defaults and both ends meet, as OCI runtimes do.
func WeightFromShares(shares uint64) Weight {
	const low, high = 2, 262144
	shares = min(max(shares, low), high)
	return Weight(1 + (shares-low)*9999/(high-low))
}

func (w Weight) validate(field string) error {
	if w > 10000 {
		return fmt.Errorf("cgroupv2: %s=%d; a weight is 1 to 10000", field, w)
	}
	return nil
}
