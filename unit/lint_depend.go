package unit

import "strings"

// dependencies finds orderings without a reason to start, and the reverse
// (systemd.unit(5); systemd.special(7) on network-online.target).
func (l *linter) dependencies() {
	const online = "network-online.target"
	after, isAfter := l.naming("Unit", online, "After")
	wants, isWanted := l.naming("Unit", online, "Wants", "Requires", "BindsTo", "Requisite")
	switch {
	case isAfter && !isWanted:
		l.report(after, "online-without-wants", SeverityWarning, "After="+online+" orders behind a target that nothing starts", "add Wants="+online)
	case isWanted && !isAfter:
		l.report(wants, "online-without-wants", SeverityWarning, wants.Key+"="+online+" without After= starts both at once", "add After="+online)
	}
	if e, ok := l.naming("Unit", "network.target", "After"); ok && !isAfter && l.kind == "service" {
		l.report(e, "network-target", SeverityNote, "After=network.target does not mean that an address is configured; it only orders the stop before the network's",
			"bind to a wildcard address, or use Wants= and After=network-online.target")
	}
	for _, e := range l.since("Unit", "BindsTo") {
		for w := range strings.FieldsSeq(e.Value) {
			if strings.HasSuffix(w, ".socket") && l.kind == "service" {
				l.report(e, "bindsto-socket", SeverityNote, "BindsTo="+w+" starts the socket with the service, and stops the service with the socket; it does not wait for a connection",
					"enable the socket instead of the service, and let it start the service")
			}
			if _, ok := l.naming("Unit", w, "After"); !ok {
				l.report(e, "bindsto-without-after", SeverityWarning, "BindsTo="+w+" without After= races: this unit may run while the other does not yet", "add After="+w)
			}
		}
	}
}
