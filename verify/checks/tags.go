package checks

// Every check has one of these tags, by what it costs, so that a Selection can
// leave out what is too dear: SkipTags: []string{checks.Deep}.
const (
	// Quick checks read a few files or ask systemd once: a millisecond.
	Quick = "quick"
	// Standard checks run a short program, wait for an answer from the network,
	// or read a program file: some milliseconds.
	Standard = "standard"
	// Deep checks read whole trees, build programs, or start throwaway units.
	Deep = "deep"
)
