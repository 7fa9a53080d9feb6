// Package cgroupv2 limits what processes may use, and tells what really holds.
//
//	limits := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(256), CPUMax: cgroupv2.Cores(0.5), TasksMax: cgroupv2.Tasks(64)}
//	err := cgroupv2.Set("app.slice/worker", limits)        // where a cgroup was delegated to us
//	effective, err := cgroupv2.Effective("app.slice/worker") // which ancestor binds
//
// Quantities have types, so that the classic mistakes don't compile or are
// refused with the field's name: a quota without its period, five CPUs where
// half of one was meant, "0" for unlimited. The zero value of every limit
// leaves things alone; "unlimited" is said out loud.
//
// Below systemd's tree only systemd writes, except where a subtree was
// delegated. Set refuses the rest and names the unit; the same Limits go to
// systemd as directives of that unit (Limits.Directives).
//
// The rules are those of the kernel's Documentation/admin-guide/cgroup-v2.rst
// and of systemd.resource-control(5).
package cgroupv2
