// Package verify proves that a machine is what was asked for.
//
//	report := verify.Run(ctx, verify.Converged("account", users), probe)
//	report.WriteText(os.Stdout, verify.TextOptions{})
//	if err := report.Err(); err != nil { ... }
//
// A Check looks and never changes anything. It ends in one of five ways: it
// passes, fails, warns, does not apply here, or is unknown: a check that could
// not look never passes, and a report with something unknown is not OK.
//
// Anything with an empty Plan is as wanted, so Converged makes a check of any
// bedplate.Resource. Package checks has probes that read the machine by another
// road than the packages that change it.
//
// The same checks serve a command (Report.Write in six formats), a monitor
// (Watch, WritePrometheus, WriteNagios) and a test suite (Test, Require). Needs
// keeps one fault from being reported many times, Until waits for what is coming
// up, and Selection picks some by name or tag.
package verify
