// Package checks has ready checks of a machine for package verify.
//
//	verify.Run(ctx,
//		checks.Static("", "/opt/app/bin/app"),
//		checks.UnitActive("app.service"),
//		checks.Limit("app.service", "memory.max", "268435456"),
//		checks.HTTP("http://127.0.0.1:8080/healthz", "ok\n"))
//
// A check goes by another road than the package that made what it looks at: it
// reads the ELF header, systemd's properties, the kernel's file. What could not
// be read is unknown, never passed.
package checks
