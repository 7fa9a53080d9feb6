package unit

import "strings"

// addressProblem checks ListenStream= and its kin (systemd.socket(5)).
func addressProblem(_ *linter, _, value string) string {
	if specified(value) || strings.HasPrefix(value, "vsock:") {
		return ""
	}
	if port, ok := integer(value); ok && port >= 1 && port <= 65535 {
		return ""
	}
	d := draft{}
	if d.listenProblem(value) != "" && !strings.HasPrefix(value, "/") {
		return "it is nothing to listen on: a port, an address with a port, an absolute path or @name"
	}
	return ""
}

func serviceProblem(l *linter, key, value string) string {
	if !specified(value) && !strings.HasSuffix(value, ".service") {
		return "it must be a service"
	}
	return unitsProblem(l, key, value)
}

func descriptorProblem(_ *linter, _, value string) string {
	if !strings.Contains(value, "%") && (len(value) > 255 || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r >= 0x7f || r == ':' })) {
		return "it is printable ASCII without a colon"
	}
	return ""
}

func tosProblem(l *linter, key, value string) string {
	if contains([]string{"low-delay", "throughput", "reliability", "low-cost"}, value) || between(0, 255)(l, key, value) == "" {
		return ""
	}
	return "it is a number, or low-delay, throughput, reliability or low-cost"
}
