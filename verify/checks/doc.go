// Package checks has ready checks of a machine for package verify.
//
//	verify.Run(ctx,
//		checks.Static("", "/opt/app/bin/app"),
//		checks.UnitActive("app.service"),
//		checks.Limit("app.service", "memory.max", "268435456"),
//		checks.HTTP("http://127.0.0.1:8080/healthz", "ok\n"))
//
// A check goes by another road than the package that made what it looks at: it
// reads the ELF header, systemd's properties, the kernel's file. Where it judges
// by a rule that another package has (a unit's lint, a receipt, a loader's
// search), it reads through that package, so that the rule lives once. What could
// not be read is unknown, never passed; what is not there fails.
//
// Names are made of what is looked at ("unit/app.service/active"), so that a
// Selection can name groups. The same check twice in a run needs another Name.
// Paths are looked up inside a root; "" is this machine. Each check has one of
// the tags Quick, Standard and Deep, by what it costs. Checks change nothing, but
// for the two whose names begin with Prove.
//
// Package policy reads the same checks from a file.
package checks
