// Package bedplate takes a Linux machine from bare metal to a running,
// resource-bounded, verified Go service. It is the vocabulary that its packages
// share; the work is done by them:
//
//	toolchain          Go SDKs: find, download, verify, unpack, switch, repair
//	toolchain/goenv    module proxies and checksum databases, typed and validated
//	toolchain/build    cross and static builds, and what a binary needs of its host
//	unit               systemd units: typed model, render, parse, lint, install, start and prove
//	unit/journal       a slog handler for the journal, and typed queries
//	cgroupv2           limits, statistics, events, detection, effective limits
//	account            system users and groups
//	layout             directory trees, files, releases with an atomic current
//	verify             checks, reports, the bridge to go test
//	verify/checks      ready checks that read the machine by another road
//	verify/policy      the same checks from a YAML or JSON file
//	transaction        all steps or none, with a durable journal and rollback
//
// Each package stands alone; a caller composes them. Everything that changes a
// machine is a [Resource]: a plain struct that says what is wanted. Its Plan
// reads and says what differs, its Ensure makes it so and says what it did, and
// when both are silent the machine is as wanted:
//
//	limits := cgroupv2.Limits{MemoryMax: cgroupv2.MiB(256), TasksMax: cgroupv2.Tasks(64)}
//	steps := []bedplate.Step{
//		{Name: "go", Resource: toolchain.SDK{Version: "1.26.x", Source: source, Use: true}},
//		{Name: "account", Resource: account.Set{Users: []account.User{{Name: "app"}}}},
//		{Name: "tree", Resource: layout.Tree{Entries: entries}},
//		{Name: "units", Resource: unit.Set{Units: []unit.Unit{unit.Service{Name: "app", Exec: argv, User: "app", Limits: limits}}}},
//	}
//	changes, err := bedplate.Apply(ctx, steps...)
//
// Verification is an empty Plan: verify.Converged("tree", steps[2]) passes when
// nothing would change. The command examples/provision is the whole of it as a
// program short enough to be the manual.
package bedplate
