package unit_test

import (
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/unit/journal"
	"github.com/stretchr/testify/require"
)

func TestStartErrorTells(t *testing.T) {
	failed := &unit.StartError{Verb: "start", Status: unit.Status{Unit: "app.service", Outcome: unit.CrashLoop, Restarts: 2}}
	require.EqualError(t, failed, "unit: start app.service: crash loop, restarted 2×")
	systemd := journal.Entry{Identifier: "systemd", PID: 1, Message: "Started app."}
	failed.Status.Log = []journal.Entry{systemd}
	require.ErrorContains(t, failed, "; the last log line: ")
	require.ErrorContains(t, failed, "systemd[1]: Started app.")
	failed.Status.Log = []journal.Entry{systemd, {Identifier: "app", PID: 7, Message: "no /etc/app.conf\nand more"}, systemd}
	require.ErrorContains(t, failed, "app[7]: no /etc/app.conf …")
	require.NotContains(t, failed.Error(), "Started")
}
