//go:build privileged

package unit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/unit/journal"
	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/stretchr/testify/require"
)

// pid1 is the machine's systemd, with what it logs.
type pid1 struct {
	conn  *dbus.Conn
	after string // the cursor of what was read of its log
}

const runUnits = "/run/systemd/system"

// listen connects to systemd, to read what it logs from now on. It is read from
// the journal: to the kernel's buffer systemd writes no more than 200 messages in
// five seconds.
func listen(t *testing.T) *pid1 {
	t.Helper()
	// Not by way of the bus, which would look at each of a million properties, too.
	conn, err := dbus.NewSystemdConnectionContext(context.Background())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	p := &pid1{conn: conn}
	p.logged(t)
	return p
}

// logged is what was logged since the last call, a message a line.
func (p *pid1) logged(t *testing.T) (lines []string) {
	t.Helper()
	require.NoError(t, journal.Sync(t.Context()))
	q := journal.Query{Match: []journal.Match{{Field: "_PID", Value: "1"}}, After: p.after}
	if p.after == "" {
		q.Lines = 1
	}
	for e, err := range q.Entries(t.Context()) {
		require.NoError(t, err)
		p.after = e.Cursor
		lines = append(lines, e.Message)
	}
	// What journald leaves out it says in its own name.
	q = journal.Query{Match: []journal.Match{{Field: "_COMM", Value: "systemd-journal"}}, Boot: journal.ThisBoot}
	for e, err := range q.Entries(t.Context()) {
		require.NoError(t, err)
		require.NotContains(t, e.Message, "Suppressed", "the journal lost messages; read fewer at once")
	}
	return lines
}

func (p *pid1) reload(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, p.conn.ReloadContext(ctx))
}

// states loads units, all in one call, and says what became of each.
func (p *pid1) states(t *testing.T, names []string) map[string]string {
	t.Helper()
	list, err := p.conn.ListUnitsByNamesContext(context.Background(), names)
	require.NoError(t, err)
	states := map[string]string{}
	for _, u := range list {
		states[u.Name] = u.LoadState
	}
	return states
}

// loaded is a unit as systemd reports it: all properties in one call.
func (p *pid1) loaded(t *testing.T, name string) map[string]any {
	t.Helper()
	return p.loadedAll(t, []string{name})[0]
}

// loadedAll asks for several: one is read here while systemd writes the next.
func (p *pid1) loadedAll(t *testing.T, names []string) []map[string]any {
	t.Helper()
	all, errs := make([]map[string]any, len(names)), make([]error, len(names))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(names); i = int(next.Add(1)) - 1 {
				all[i], errs[i] = p.conn.GetAllPropertiesContext(context.Background(), names[i])
			}
		})
	}
	readers.Wait()
	require.NoError(t, errors.Join(errs...))
	return all
}

// place writes a rendered unit where systemd finds it, and gives what it is
// called when it is loaded.
func place(t *testing.T, u unit.Unit) (name string, text []byte) {
	t.Helper()
	text, _, err := unit.Renderer{Target: unit.Target{Systemd: testenv.Systemd(t)}}.Render(u)
	require.NoError(t, err, "%#v", u)
	name = u.UnitName()
	file := filepath.Join(runUnits, name)
	require.NoError(t, os.WriteFile(file, text, 0o644))
	t.Cleanup(func() { _ = os.Remove(file) }) // a machine is thrown away
	if strings.Contains(name, "@.") {
		if name, err = unit.Instance(name, "one"); err != nil {
			t.Fatal(err)
		}
	}
	return name, text
}

// complaint is a message about a line that systemd did not take, or took
// otherwise than it was written.
var complaint = regexp.MustCompile(`(?i)ignoring|failed to parse|unknown |invalid|not (absolute|normalized|supported)|obsolete|refusing|bad unit|lacks|without any effect|no effect|not executable|missing`)

// unhappy are the complaints among log lines that are about a given file.
func unhappy(lines []string, about string) (list []string) {
	for _, l := range lines {
		if strings.Contains(l, about) && complaint.MatchString(l) {
			list = append(list, l)
		}
	}
	return list
}

func shown(v any) string {
	s := fmt.Sprintf("%#v", v)
	return s[:min(len(s), 300)]
}
