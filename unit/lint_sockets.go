package unit

import (
	"strconv"
	"strings"
)

// addressProblem checks ListenStream= and its kin (systemd.socket(5)).
func addressProblem(_ *linter, _, value string) string {
	if strings.Contains(value, "%") || strings.HasPrefix(value, "vsock:") {
		return ""
	}
	if host, device, scoped := strings.Cut(value, "%"); scoped && device != "" {
		value = host
	}
	d := draft{}
	if d.listenProblem(value) != "" && !strings.HasPrefix(value, "/") {
		return "it is nothing to listen on: a port, an address with a port, an absolute path or @name"
	}
	return ""
}

func integerProblem(_ *linter, _, value string) string {
	if _, err := strconv.ParseInt(value, 0, 32); err != nil {
		return "it is a whole number"
	}
	return ""
}

func serviceProblem(l *linter, key, value string) string {
	if !strings.Contains(value, "%") && !strings.HasSuffix(value, ".service") {
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
	if contains([]string{"low-delay", "throughput", "reliability", "low-cost"}, value) || integerProblem(l, key, value) == "" {
		return ""
	}
	return "it is a number, or low-delay, throughput, reliability or low-cost"
}
