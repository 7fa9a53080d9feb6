package cgroupv2

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/cgroupv2/internal/cgfs"
)

// Feature is something that not every kernel has. Most are files, and are named
// after them.
type Feature string

// The features, with the kernel that brought them where it is not a matter of
// its configuration.
const (
	FeatureFreeze        Feature = "cgroup.freeze"       // 5.2
	FeatureKill          Feature = "cgroup.kill"         // 5.14
	FeaturePressure      Feature = "memory.pressure"     // psi=1
	FeatureCPUBurst      Feature = "cpu.max.burst"       // 5.14
	FeatureCPUIdle       Feature = "cpu.idle"            // 5.15
	FeatureMemoryPeak    Feature = "memory.peak"         // 5.19
	FeaturePeakReset     Feature = "memory.peak reset"   // 6.12
	FeatureMemoryReclaim Feature = "memory.reclaim"      // 5.19
	FeatureEventsLocal   Feature = "memory.events.local" // 5.2
	FeatureZswap         Feature = "memory.zswap.max"    // 5.19
	FeatureTasksPeak     Feature = "pids.peak"           // 6.1
	FeatureIOMax         Feature = "io.max"
	FeatureIOWeight      Feature = "io.weight"     // io.cost
	FeatureBFQWeight     Feature = "io.bfq.weight" // the BFQ scheduler
	FeatureIOLatency     Feature = "io.latency"
	FeatureIOPriority    Feature = "io.prio.class" // 5.14
	FeatureIOCost        Feature = "io.cost.qos"   // of the root
	FeatureMisc          Feature = "misc.max"      // 5.13
)

var features = []Feature{
	FeatureFreeze, FeatureKill, FeaturePressure, FeatureCPUBurst, FeatureCPUIdle, FeatureMemoryPeak, FeaturePeakReset, FeatureMemoryReclaim, FeatureEventsLocal,
	FeatureZswap, FeatureTasksPeak, FeatureIOMax, FeatureIOWeight, FeatureBFQWeight, FeatureIOLatency, FeatureIOPriority, FeatureIOCost, FeatureMisc,
}

// Has says whether the kernel has a feature, and whether that could be found out:
// a controller that no cgroup in sight has shows none of its files.
func (i Info) Has(f Feature) (has, known bool) {
	has, known = i.Features[f]
	return has, known
}

// prober is what probing reads.
type prober interface {
	hierarchy
	Mode(rel, file string) (fs.FileMode, error)
}

// probe looks for the files of features, and not at the kernel's version, which
// says little about a vendor's kernel.
func probe(t prober, self string) map[Feature]bool {
	found := map[Feature]bool{}
	places := candidates(t, self)
	for _, f := range features {
		file, _, reset := strings.Cut(string(f), " ")
		if f == FeatureIOCost {
			_, err := t.Mode("", file)
			if on, _ := t.Read("", "cgroup.controllers"); slices.Contains(strings.Fields(on), "io") {
				found[f] = err == nil
			}
			continue
		}
		controller, _, _ := strings.Cut(file, ".")
		for _, at := range places {
			on, _ := t.Read(at, "cgroup.controllers")
			if controller != "cgroup" && f != FeaturePressure && !slices.Contains(strings.Fields(on), controller) {
				continue
			}
			mode, err := t.Mode(at, file)
			if f == FeaturePressure && err == nil {
				_, err = t.Read(at, file) // there, but refused, with psi=0
			}
			found[f] = err == nil && (!reset || mode&0o222 != 0)
			break
		}
	}
	return found
}

// candidates are cgroups to look at: our own and those above, then the outermost.
// The true root has few of the files.
func candidates(t hierarchy, self string) (list []string) {
	for at := self; at != ""; at = cgfs.Parent(at) {
		list = append(list, at)
	}
	for _, above := range []string{"", "system.slice"} {
		names, _ := t.Children(above)
		for _, name := range names {
			list = append(list, strings.TrimPrefix(above+"/"+name, "/"))
		}
	}
	if _, err := t.Read("", "cgroup.type"); err == nil {
		list = append(list, "")
	}
	return list
}
