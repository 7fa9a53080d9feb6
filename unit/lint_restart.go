package unit

import (
	"fmt"
	"strconv"
	"time"
)

// restarts finds start limits that never trip: a service that crashes at once
// is then started again for ever, and never becomes "failed".
func (l *linter) restarts() {
	l.steps()
	l.longest()
	e, ok := l.service("Restart")
	if !ok || e.Value == "no" {
		return
	}
	delay, interval, burst := 100*time.Millisecond, 10*time.Second, uint64(5) // systemd's own
	if d, ok := l.spanOf("Service", "RestartSec"); ok {
		delay = d
	}
	// Since 254 the delay grows, and stays at its highest until the service is
	// stopped by hand: that is the one to reckon with.
	if steps, has := l.service("RestartSteps"); has && steps.Value != "0" && l.version >= 254 {
		if d, ok := l.spanOf("Service", "RestartMaxDelaySec"); ok {
			delay = max(delay, d)
		}
	}
	for _, k := range [][2]string{{"Service", "StartLimitInterval"}, {"Unit", "StartLimitInterval"}, {"Unit", "StartLimitIntervalSec"}} {
		if d, ok := l.spanOf(k[0], k[1]); ok {
			interval = d
		}
	}
	for _, section := range []string{"Service", "Unit"} {
		if b, ok := l.last(section, "StartLimitBurst"); ok {
			if n, err := strconv.ParseUint(b.Value, 10, 32); err == nil {
				burst = n
			}
		}
	}
	const rule = "restart-never-trips"
	needs := time.Duration(burst) * delay
	switch {
	case interval == 0 || burst == 0:
		l.report(e, rule, SeverityWarning, "Restart="+e.Value+" without a start limit goes on for ever",
			"set StartLimitIntervalSec=5min and StartLimitBurst=5 in [Unit]")
	case interval <= needs:
		l.report(e, rule, SeverityWarning,
			fmt.Sprintf("RestartSec=%s with StartLimitBurst=%d in %s never trips the limit: a crash loop goes on for ever", span(delay), burst, span(interval)),
			fmt.Sprintf("set StartLimitIntervalSec over %s in [Unit]", span(needs)))
	}
}

// steps and a longest delay are of use together only.
func (l *linter) steps() {
	if l.version < 254 {
		return
	}
	for _, pair := range [][2]string{{"RestartSteps", "RestartMaxDelaySec"}, {"RestartMaxDelaySec", "RestartSteps"}} {
		e, has := l.service(pair[0])
		if other, too := l.service(pair[1]); !has || e.Value == "0" || too && other.Value != "0" && other.Value != "infinity" {
			continue
		}
		l.report(e, "bad-value", SeverityError, e.Key+"="+e.Value+" "+ignored+"there is no "+pair[1]+"=", "set both, or neither")
	}
}

// longest is RuntimeMaxSec, which bounds what is up: a oneshot never is.
func (l *linter) longest() {
	e, has := l.service("RuntimeMaxSec")
	if !has || e.Value == "infinity" || l.serviceType() != "oneshot" {
		return
	}
	l.report(e, "bad-value", SeverityError, e.Key+"="+e.Value+" "+ignored+"a service of Type=oneshot is starting for as long as it runs", "set TimeoutStartSec=")
}

func (l *linter) spanOf(section, key string) (time.Duration, bool) {
	e, ok := l.last(section, key)
	if !ok {
		return 0, false
	}
	return timeSpan(e.Value)
}
