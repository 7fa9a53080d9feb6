package unit_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/unit"
)

// asked is what systemd has to report of a unit: values, and lists that must
// hold at least these.
type asked struct {
	values map[string]any
	holds  map[string][]string
	// expand does with a text what systemd does with its specifiers.
	expand func(string) string
}

func newAsked(specifiers bool) asked {
	expand := func(s string) string { return s }
	if specifiers {
		expand = strings.NewReplacer("%%", "%", "%i", "one").Replace
	}
	return asked{map[string]any{}, map[string][]string{}, expand}
}

func (a asked) all(list []string) (out []string) {
	for _, s := range list {
		out = append(out, a.expand(s))
	}
	return out
}

func (a asked) text(property, value string) {
	if value != "" {
		a.values[property] = a.expand(value)
	}
}

func (a asked) span(property string, d time.Duration) {
	if d != 0 {
		a.values[property] = uint64(d / time.Microsecond)
	}
}

func (a asked) mode(property string, m uint32) {
	if m != 0 {
		a.values[property] = m
	}
}

func (a asked) number(property string, n int) {
	if n != 0 {
		a.values[property] = int32(n)
	}
}

func (a asked) relations(r unit.Relations, conditions []unit.Condition, documentation []string) {
	for property, list := range map[string][]string{"Requires": r.Requires, "Wants": r.Wants, "After": slices.Concat(r.After, r.BindsTo), "Before": r.Before, "BindsTo": r.BindsTo, "PartOf": r.PartOf, "Conflicts": r.Conflicts} {
		a.holds[property] = list
	}
	if len(documentation) > 0 {
		a.values["Documentation"] = a.all(documentation)
	}
	conds, asserts := [][]any{}, [][]any{}
	for _, c := range conditions {
		row := []any{"Condition" + c.Test, c.AnyOf, c.Not, a.expand(c.Value)}
		if c.Assert {
			row[0] = "Assert" + c.Test
			asserts = append(asserts, row)
		} else {
			conds = append(conds, row)
		}
	}
	a.values["Conditions"], a.values["Asserts"] = conds, asserts
}

func (a asked) limits(l unit.Limits) {
	if l == nil {
		return
	}
	for name, value := range l.Directives(0) {
		switch name {
		case "MemoryMax":
			n, _ := strconv.ParseUint(strings.TrimSuffix(value, "M"), 10, 64)
			a.values["MemoryMax"] = n << 20
		case "TasksMax":
			a.values["TasksMax"] = uint64(512)
		case "CPUQuota":
			n, _ := strconv.ParseUint(strings.TrimSuffix(value, "%"), 10, 64)
			a.values["CPUQuotaPerSecUSec"] = n * 10_000
		}
	}
}

func (a asked) command(argv []string, mayFail bool) []any {
	out := a.all(argv)
	program := out[0]
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], "$", "$$") // as it is kept until the start
	}
	return []any{program, out, mayFail}
}

func (a asked) commands(property string, list []unit.Command) {
	rows := [][]any{}
	for _, c := range list {
		rows = append(rows, a.command(c.Argv, c.MayFail))
	}
	a.values[property] = rows
}

func serviceAsks(u unit.Service, systemd int) asked {
	a := newAsked(u.Specifiers)
	a.relations(unit.Relations{
		Requires: slices.Concat(u.Requires, u.Sockets), Wants: u.Wants, After: slices.Concat(u.After, u.Sockets), Before: u.Before, BindsTo: u.BindsTo, PartOf: u.PartOf, Conflicts: u.Conflicts,
	}, u.Conditions, u.Documentation)
	a.holds["OnFailure"] = u.OnFailure
	if u.NetworkOnline {
		a.holds["Wants"], a.holds["After"] = append(a.holds["Wants"], "network-online.target"), append(a.holds["After"], "network-online.target")
	}
	a.text("Description", u.Description)
	a.values["ExecStart"] = [][]any{a.command(u.Exec, false)}
	a.commands("ExecStartPre", u.ExecBefore)
	a.commands("ExecStartPost", u.ExecAfter)
	a.commands("ExecStop", u.ExecStop)
	a.commands("ExecStopPost", u.ExecCleanUp)
	typ := string(u.Type)
	switch {
	case u.Type == unit.Exec:
		typ = "exec"
	case u.Type == unit.NotifyReload && systemd < 253:
		typ = "notify"
	}
	a.text("Type", typ)
	a.text("BusName", u.BusName)
	a.text("PIDFile", u.PIDFile)
	a.text("NotifyAccess", string(u.NotifyAccess))
	a.text("User", u.User)
	a.text("Group", u.Group)
	a.text("SyslogIdentifier", u.SyslogIdentifier)
	a.text("WorkingDirectory", u.WorkingDirectory)
	a.text("Slice", u.Slice)
	a.values["DynamicUser"], a.values["Delegate"], a.values["RemainAfterExit"] = u.DynamicUser, u.Delegate, u.RemainAfterExit
	env := []string{}
	for _, name := range slices.Sorted(maps.Keys(u.Environment)) {
		env = append(env, name+"="+a.expand(u.Environment[name]))
	}
	a.values["Environment"] = env
	files := [][]any{}
	for _, f := range u.EnvironmentFiles {
		files = append(files, []any{a.expand(f), false})
	}
	a.values["EnvironmentFiles"] = files
	if len(u.Credentials) > 0 {
		creds := [][]any{}
		for _, name := range slices.Sorted(maps.Keys(u.Credentials)) {
			creds = append(creds, []any{name, a.expand(u.Credentials[name])})
		}
		a.values["LoadCredential"] = creds
	}
	a.serviceEnds(u)
	a.limits(u.Limits)
	a.serviceLimits(u)
	for property, list := range map[string][]string{
		"StateDirectory": u.StateDirectory, "CacheDirectory": u.CacheDirectory, "LogsDirectory": u.LogsDirectory, "RuntimeDirectory": u.RuntimeDirectory,
		"ConfigurationDirectory": u.ConfigurationDirectory, "ReadWritePaths": u.ReadWritePaths,
	} {
		list = a.all(list)
		if property != "ReadWritePaths" && systemd > 247 { // which makes one twice, if it is told to
			list = unique(list)
		}
		if len(list) > 0 {
			a.values[property] = list
		}
	}
	for property, m := range map[string]uint32{
		"StateDirectoryMode": uint32(u.StateMode), "CacheDirectoryMode": uint32(u.CacheMode), "LogsDirectoryMode": uint32(u.LogsMode),
		"RuntimeDirectoryMode": uint32(u.RuntimeMode), "ConfigurationDirectoryMode": uint32(u.ConfigurationMode),
	} {
		a.mode(property, m)
	}
	return a
}

// unique keeps the first of each.
func unique(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (a asked) serviceEnds(u unit.Service) {
	restart := string(u.Restart)
	if u.Restart == unit.RestartOnFailure {
		restart = "on-failure"
	}
	a.values["Restart"] = restart
	if u.Restart != unit.RestartNever {
		delay, burst, interval := time.Second, 5, 5*time.Minute
		if u.RestartDelay != 0 {
			delay, burst, interval = u.RestartDelay, u.StartLimitBurst, u.StartLimitInterval
		}
		a.span("RestartUSec", delay)
		a.span("StartLimitIntervalUSec", interval)
		a.values["StartLimitBurst"] = uint32(burst)
	}
	a.span("TimeoutStartUSec", u.StartTimeout)
	a.span("TimeoutStopUSec", u.StopTimeout)
	a.span("RuntimeMaxUSec", u.RuntimeMax)
	// WatchdogUSec is reported of services that run only.
	a.values["KillMode"] = "mixed"
	a.text("KillMode", string(u.KillMode))
	a.values["KillSignal"] = int32(15)
	if n := map[unit.Signal]int32{"SIGINT": 2, "SIGQUIT": 3}[u.KillSignal]; n != 0 {
		a.values["KillSignal"] = n
	}
}

func (a asked) serviceLimits(u unit.Service) {
	if u.OpenFiles != 0 {
		a.values["LimitNOFILE"], a.values["LimitNOFILESoft"] = u.OpenFiles, u.OpenFiles
	}
	for r, l := range u.Rlimits {
		a.values["Limit"+string(r)], a.values["Limit"+string(r)+"Soft"] = l.Hard, l.Soft
	}
	a.number("Nice", u.Nice)
	a.number("OOMScoreAdjust", u.OOMScore)
}
