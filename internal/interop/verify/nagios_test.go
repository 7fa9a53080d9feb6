package verify_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/atc0005/go-nagios"
	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

// TestNagiosPlugin splits the output where Nagios does (at the first bar of the
// first line) and gives the performance data to a parser for it.
func TestNagiosPlugin(t *testing.T) {
	states := []string{nagios.StateOKLabel, nagios.StateWARNINGLabel, nagios.StateCRITICALLabel, nagios.StateUNKNOWNLabel}
	codes := []int{nagios.StateOKExitCode, nagios.StateWARNINGExitCode, nagios.StateCRITICALExitCode, nagios.StateUNKNOWNExitCode}
	for name, r := range reports(t) {
		text := string(write(t, r, verify.FormatNagios))
		first, long, _ := strings.Cut(text, "\n")
		status, data, ok := strings.Cut(first, "|")
		require.True(t, ok, name)
		require.NotContains(t, data+long, "|", "%s: more performance data", name)
		require.True(t, strings.HasPrefix(status, "app01 "+states[r.Nagios()]+" - "), "%s: %s", name, status)
		require.Equal(t, r.Nagios(), codes[r.Nagios()], name)
		metrics, err := nagios.ParsePerfData(data)
		require.NoError(t, err, name)
		have := map[string]string{}
		for _, m := range metrics {
			require.NoError(t, m.Validate(), name)
			require.Equal(t, "0", m.Min, name)
			have[m.Label] = m.Value
			require.Equal(t, m.Label == "time", m.UnitOfMeasurement == "s", name)
		}
		require.Len(t, have, 6, name)
		for label, status := range map[string]verify.Status{"pass": verify.Pass, "fail": verify.Fail, "warn": verify.Warn, "unknown": verify.Unknown, "not_applicable": verify.NotApplicable} {
			require.Equal(t, strconv.Itoa(r.Count(status)), have[label], "%s: %s", name, label)
		}
	}
	_, err := nagios.ParsePerfData("time=;;") // it is no rubber stamp
	require.Error(t, err)
}
