package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	ready     = daemon.SdNotifyReady
	stopping  = daemon.SdNotifyStopping
	reloading = daemon.SdNotifyReloading
)

// notify tells systemd, if it is there, how we are. Type=notify-reload wants to
// know when the reload began, to tell it from an earlier one (sd_notify(3)).
func notify(state string) error {
	if state == reloading {
		state += "\n" + daemon.SdNotifyMonotonicUsec()
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// watchdog feeds systemd's watchdog, if the unit has one.
type watchdog struct {
	handler http.Handler
	tick    <-chan time.Time
	stop    func()
}

func newWatchdog(h http.Handler) (watchdog, error) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return watchdog{}, fmt.Errorf("watchdog: %w", err)
	}
	if interval == 0 {
		return watchdog{stop: func() {}}, nil
	}
	t := time.NewTicker(interval / 2) // as sd_watchdog_enabled(3) recommends
	return watchdog{h, t.C, t.Stop}, nil
}

// feed tells systemd that we are alive, if we are: a process that runs but can't
// answer is the one that the watchdog is there to restart.
func (w watchdog) feed(ctx context.Context) error {
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/healthz", nil))
	if answer.Code != http.StatusOK {
		return fmt.Errorf("/healthz answers %d", answer.Code)
	}
	return notify(daemon.SdNotifyWatchdog)
}
