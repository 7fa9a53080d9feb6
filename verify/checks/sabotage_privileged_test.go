//go:build privileged

package checks_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/stretchr/testify/require"
)

// TestProvisionedMachine: there is no false alarm on an untouched machine; then one
// fault after the other is seeded. Each has to be found by the checks that it is
// about, with its cause, and by no others. BEDPLATE_LONG=1 takes all, 2/3 the
// second third, ~masked those whose names match; otherwise each release has another
// eighteenth a day, some 40 for the three of them.
func TestProvisionedMachine(t *testing.T) {
	list := suite(t)
	t.Run("untouched", func(t *testing.T) { untouched(t, list) })
	t.Run("wanting more", wantingMore)
	t.Run("without root", func(t *testing.T) { withoutRoot(t, list) })
	conn, err := dbus.NewSystemConnectionContext(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	m := &systemd{conn: conn}
	t.Run("limits lifted", func(t *testing.T) { lifted(t, m) })
	t.Run("seeded faults", func(t *testing.T) { seeded(t, m, list) })
	t.Run("dropped entries", func(t *testing.T) { dropped(t, m) })
}

func seeded(t *testing.T, m *systemd, list []verify.Check) {
	for i := range list {
		if strings.HasPrefix(list[i].Name, "http/") || strings.HasPrefix(list[i].Name, "heap/") || strings.HasPrefix(list[i].Name, "metric/") {
			list[i].Timeout = 8 * time.Second // and not a minute, which some faults take to the end
		}
	}
	require.NoError(t, verify.Run(t.Context(), light(t, list)...).Err())
	all := faults(t)
	slices.SortStableFunc(all, func(a, b fault) int { return strings.Compare(a.name, b.name) }) // some come from maps
	require.GreaterOrEqual(t, len(all), 200)
	var todo []fault
	switch long := os.Getenv("BEDPLATE_LONG"); {
	case !strings.HasPrefix(long, "~") && strings.Contains(long, "/"):
		var part, parts int
		n, err := fmt.Sscanf(long, "%d/%d", &part, &parts)
		require.Equal(t, 2, n, "BEDPLATE_LONG=%s: %v", long, err)
		todo = all[len(all)*(part-1)/parts : len(all)*part/parts]
	case strings.HasPrefix(long, "~"):
		names := regexp.MustCompile(long[1:])
		for _, f := range all {
			if names.MatchString(f.name) {
				todo = append(todo, f)
			}
		}
	case long != "":
		todo = all
	default:
		// The releases differ by their systemd; after eighteen days each has had all.
		for i := (int(time.Now().Unix()/86400) + testenv.Systemd(t)) % 18; i < len(all); i += 18 {
			todo = append(todo, all[i])
		}
	}
	for _, f := range todo {
		t.Run(f.name, func(t *testing.T) { one(t, m, list, f) })
	}
	t.Logf("%d of %d faults were seeded", len(todo), len(all))
	m.current(t)
	r := verify.Run(t.Context(), light(t, list)...)
	require.NoError(t, r.Err(), "after all of it was mended")
}

func one(t *testing.T, m *systemd, list []verify.Check, f fault) {
	s := &sabotage{TB: t, systemd: m}
	defer func() {
		s.mend()
		// What one fault leaves behind must not be taken for the next one's.
		if err := verify.Run(t.Context(), checks.UnitActive(service), checks.UnitActive(socket)).Err(); err != nil {
			t.Error("not mended: ", err)
			m.revive(t)
		}
	}()
	f.seed(s)
	r := verify.Run(t.Context(), about(t, list, f)...)
	seen := map[string]verify.Result{}
	for _, res := range r.Results {
		seen[res.Check] = res
	}
	for name, words := range f.finds {
		res, ok := seen[name]
		require.True(t, ok, "no check is named %s", name)
		require.Contains(t, []verify.Status{verify.Fail, verify.Unknown}, res.Status, "%s: %s", name, res.Finding)
		require.Empty(t, res.BlockedBy, name)
		require.Contains(t, res.Finding.String(), words, name)
	}
	for _, res := range r.Results {
		_, wanted := f.finds[res.Check]
		fine := res.Status == verify.Pass || res.Status == verify.NotApplicable || res.Status == verify.Warn && strings.HasPrefix(res.Check, "cgroup/io.weight/")
		may := slices.ContainsFunc(f.also, func(p string) bool { return strings.HasPrefix(res.Check, p) })
		if !fine && !wanted && !may && len(res.BlockedBy) == 0 {
			t.Errorf("%s is not about this fault, and says: %s", res.Check, res.Finding)
		}
	}
}

// about leaves out what takes an emulated machine long (programs that are run,
// requests, the digest of a large file), unless the fault is for it to see.
func about(t *testing.T, list []verify.Check, f fault) (some []verify.Check) {
	t.Helper()
	for _, c := range list {
		_, wanted := f.finds[c.Name]
		sees := wanted || slices.ContainsFunc(f.also, func(p string) bool { return strings.HasPrefix(c.Name, p) })
		if slices.Contains(c.Tags, checks.Quick) && c.Name != "path"+binary+"/content" || sees && !slices.Contains(c.Tags, checks.Deep) || wanted {
			some = append(some, c)
		}
	}
	return some
}

// lifted: a live proof fails where something else than was asked for is in force.
func lifted(t *testing.T, m *systemd) {
	s := &sabotage{TB: t, systemd: m}
	defer s.mend()
	s.reload(func() { s.dropIn(unitDir+"bedplate-probe-.service.d", "Service", "MemoryMax=infinity\nCPUQuota=80%") })
	judge(t, []want{
		{checks.ProveMemoryMax(cgroupv2.MiB(32)), verify.Fail, "took over 32M and was not killed for it"},
		{checks.ProveCPUMax(cgroupv2.Percent(20)), verify.Fail, "found 80%, throttled in"},
	})
}

// dropped lets the service log more than it may: what journald drops is found for
// the rest of this boot, so that this is the last fault.
func dropped(t *testing.T, m *systemd) {
	s := &sabotage{TB: t, systemd: m}
	defer s.mend()
	s.restart(func() {
		s.reload(func() {
			s.dropIn(unitDir+"hello.service.d", "Service", "LogRateLimitIntervalSec=2s\nLogRateLimitBurst=1")
		})
	})
	var last verify.Report
	for range 30 {
		for range 10 { // journald lets more through where the disk is empty
			require.NoError(t, verify.Run(t.Context(), checks.HTTP(url+"/", "hello")).Err())
		}
		// It says what it dropped when the next entry comes after the interval.
		if last = verify.Run(t.Context(), checks.JournalComplete(service)); last.Count(verify.Fail) == 1 {
			require.Contains(t, last.Results[0].Cause, "journald: Suppressed ")
			return
		}
	}
	t.Fatal("nothing was found: ", last.Results[0].Finding)
}
