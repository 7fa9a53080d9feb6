// Package unit writes systemd units that are right, and proves that they run as
// meant.
//
//	app := unit.Service{Name: "app", Description: "The app", Exec: []string{"/opt/app/bin/app", "-v"}, User: "app"}
//	text, err := unit.Render(app)
//	changes, err := unit.Set{Units: []unit.Unit{app}, Enable: true, Start: true}.Ensure(ctx)
//
// A unit is a typed value whose zero fields are good defaults: a hardened
// network service that is restarted with back-off, a bounded number of times.
// Every value is escaped for its place, and control characters are refused, so
// that no text can become a directive. What a version of systemd does not know
// is left out and reported (Renderer).
//
// Parse reads any unit file without losing a byte; Lint finds in it what
// systemd would silently ignore. Set installs units, in a Root or live over
// D-Bus; Start and its kin say what really happened.
//
// The rules are those of systemd.unit(5), systemd.service(5), systemd.exec(5)
// and systemd.syntax(7).
package unit
