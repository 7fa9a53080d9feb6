package unit

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

func (r *reader) service(name string) Service {
	const own = "Service"
	s := Service{Name: name, Specifiers: r.specifiers, Description: r.description(name), Documentation: r.words("Unit", "Documentation")}
	r.serviceRelations(&s)
	s.Conditions = r.conditions()
	r.serviceRun(&s)
	r.serviceRestart(&s)

	s.Slice = r.text(own, "Slice")
	s.Limits = r.limits()
	r.value(own, "LimitNOFILE", func(v string) bool {
		n, err := strconv.ParseUint(v, 10, 64)
		s.OpenFiles = n
		return err == nil && n > 0
	})
	r.rlimits(&s)
	s.Nice, s.OOMScore = r.number(own, "Nice", -20, 19), r.number(own, "OOMScoreAdjust", -1000, 1000)
	s.Delegate = r.yes(own, "Delegate")

	s.StateDirectory, s.StateMode = r.below(own, "StateDirectory"), r.mode(own, "StateDirectoryMode")
	s.CacheDirectory, s.CacheMode = r.below(own, "CacheDirectory"), r.mode(own, "CacheDirectoryMode")
	s.LogsDirectory, s.LogsMode = r.below(own, "LogsDirectory"), r.mode(own, "LogsDirectoryMode")
	s.RuntimeDirectory, s.RuntimeMode = r.below(own, "RuntimeDirectory"), r.mode(own, "RuntimeDirectoryMode")
	s.ConfigurationDirectory, s.ConfigurationMode = r.below(own, "ConfigurationDirectory"), r.mode(own, "ConfigurationDirectoryMode")
	s.ReadWritePaths = r.paths(own, "ReadWritePaths")
	s.Sandbox = r.sandbox(s)
	s.WantedBy, s.NoInstall = r.installed("multi-user.target")
	r.value("Install", "DefaultInstance", func(v string) bool { s.DefaultInstance = v; return instanceProblem(v) == "" })
	s.Extra = r.extra()
	return s
}

// below are plain relative paths; "a:b" and the like are left to Extra.
func (r *reader) below(section, key string) []string {
	d := draft{specifiers: r.specifiers}
	return r.wordsLike(section, key, func(w string) bool { return d.relativeProblem(w) == "" })
}

func (r *reader) serviceRelations(s *Service) {
	rel := r.relations()
	s.Requires, s.Wants, s.Before, s.BindsTo, s.PartOf, s.Conflicts = rel.Requires, rel.Wants, rel.Before, rel.BindsTo, rel.PartOf, rel.Conflicts
	s.OnFailure = r.words("Unit", "OnFailure")
	after := r.words("Unit", "After")
	if contains(s.Wants, networkOnline) && contains(after, networkOnline) {
		s.NetworkOnline = true
		s.Wants, after = remove(s.Wants, networkOnline), remove(after, networkOnline)
	}
	after = without(after, s.BindsTo...)
	// Sockets are what stands at the end of both lists, in the same order.
	n := 0
	for n < min(len(s.Requires), len(after)) {
		u := s.Requires[len(s.Requires)-1-n]
		if u != after[len(after)-1-n] || !strings.HasSuffix(u, ".socket") {
			break
		}
		n++
	}
	s.Sockets = without(s.Requires[len(s.Requires)-n:])
	s.Requires, s.After = without(s.Requires[:len(s.Requires)-n]), without(after[:len(after)-n])
}

func remove(list []string, word string) []string {
	return without(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == word }))
}

func (r *reader) serviceRun(s *Service) {
	const own = "Service"
	types := []string{"exec", "simple", "notify", "notify-reload", "oneshot", "dbus", "idle", "forking"}
	switch t := r.word(own, "Type", types...); t {
	case "exec":
	case "":
		s.Type = Simple
	default:
		s.Type = ServiceType(t)
	}
	if _, typed := r.file.Get(own, "Type"); !typed {
		if _, named := r.file.Get(own, "BusName"); named {
			s.Type = DBus // systemd's own rule
		}
	}
	if s.Type == DBus { // with another type it is left to Extra
		s.BusName = r.text(own, "BusName")
	}
	if s.Type == Forking {
		s.PIDFile = r.text(own, "PIDFile")
	}
	s.NotifyAccess = NotifyAccess(r.word(own, "NotifyAccess", "main", "exec", "all"))
	s.ExecBefore, s.ExecAfter = r.commands("ExecStartPre"), r.commands("ExecStartPost")
	s.ExecStop, s.ExecCleanUp = r.commands("ExecStop"), r.commands("ExecStopPost")
	if start := r.commands("ExecStart"); len(start) == 1 && !start[0].MayFail && !start[0].Privileged {
		s.Exec = start[0].Argv
	} else if len(start) > 0 {
		// Several, or with a prefix: the last is kept, the others are of no field.
		r.untake(own, "ExecStart")
	}
	r.reload(s)
	s.User, s.Group, s.DynamicUser = r.text(own, "User"), r.text(own, "Group"), r.yes(own, "DynamicUser")
	s.WorkingDirectory = r.onePath(own, "WorkingDirectory")
	r.environment(s)
	s.SyslogIdentifier = r.text(own, "SyslogIdentifier")
}

func (r *reader) untake(section, key string) {
	for i, e := range r.file.entries {
		if e.Section == section && e.Key == key {
			r.taken[i] = false
		}
	}
}

// commands reads command lines; none, and nothing taken, if one of them has
// more than an argv says.
func (r *reader) commands(key string) (list []Command) {
	for _, v := range r.each("Service", key) {
		c, ok := r.command(v)
		if !ok {
			return nil
		}
		list = append(list, c)
	}
	if list != nil {
		r.take("Service", key)
	}
	return list
}

func (r *reader) command(line string) (c Command, ok bool) {
	for {
		if rest, ok := strings.CutPrefix(line, "-"); ok && !c.MayFail {
			line, c.MayFail = rest, true
		} else if rest, ok := strings.CutPrefix(line, "+"); ok && !c.Privileged {
			line, c.Privileged = rest, true
		} else {
			break
		}
	}
	words, ok := split(line)
	if !ok || len(words) == 0 || strings.Contains(line, " ; ") || strings.HasSuffix(line, " ;") || escapes(line) {
		return c, false
	}
	for _, w := range words {
		if strings.Contains(strings.ReplaceAll(w, "$$", ""), "$") {
			return c, false // a variable
		}
		c.Argv = append(c.Argv, r.plain(strings.ReplaceAll(w, "$$", "$")))
	}
	return c, true
}

// escapes finds backslashes that mean more than the character behind them.
func escapes(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			if i++; i < len(s) && strings.IndexByte(`\"'`, s[i]) < 0 {
				return true
			}
		}
	}
	return false
}

func (r *reader) reload(s *Service) {
	if v := r.signal("ReloadSignal"); v != "" {
		s.ReloadSignal = v
		return
	}
	if s.Type == NotifyReload {
		return
	}
	r.value("Service", "ExecReload", func(v string) bool {
		name, ok := strings.CutPrefix(v, reloadCommand)
		if name, ok2 := strings.CutSuffix(name, " $MAINPID"); ok && ok2 && Signal("SIG"+name).problem() == "" {
			s.ReloadSignal = Signal("SIG" + name)
		}
		return s.ReloadSignal != ""
	})
}

func (r *reader) signal(key string) (s Signal) {
	r.value("Service", key, func(v string) bool {
		if Signal(v).problem() == "" {
			s = Signal(v)
		}
		return s != ""
	})
	return s
}

func (r *reader) environment(s *Service) {
	const own = "Service"
	vars := map[string]string{}
	understood := true
	for _, v := range r.each(own, "Environment") {
		words, ok := split(v)
		understood = understood && ok && !escapes(v)
		for _, w := range words {
			name, value, ok := strings.Cut(w, "=")
			understood = understood && ok && variable(name)
			vars[name] = r.plain(value)
		}
	}
	if understood && len(vars) > 0 {
		s.Environment = vars
		r.take(own, "Environment")
	}
	s.EnvironmentFiles = r.list(own, "EnvironmentFile")
	if slices.ContainsFunc(s.EnvironmentFiles, func(p string) bool { return !rooted(p) }) { // "-/file"
		s.EnvironmentFiles = nil
		r.untake(own, "EnvironmentFile")
	}
	creds := map[string]string{}
	understood = true
	for _, v := range r.each(own, "LoadCredential") {
		name, from, ok := strings.Cut(v, ":")
		understood = understood && ok && rooted(from)
		creds[name] = r.plain(from)
	}
	if understood && len(creds) > 0 {
		s.Credentials = creds
		r.take(own, "LoadCredential")
	}
}

func (r *reader) serviceRestart(s *Service) {
	const own = "Service"
	switch p := r.word(own, "Restart", "no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog"); p {
	case "on-failure":
	case "":
		s.Restart = RestartNever
	default:
		s.Restart = RestartPolicy(p)
	}
	if s.Restart != RestartNever {
		r.backoff(s)
	}
	s.StartTimeout, s.StopTimeout = r.duration(own, "TimeoutStartSec"), r.duration(own, "TimeoutStopSec")
	s.RuntimeMax, s.Watchdog = r.duration(own, "RuntimeMaxSec"), r.duration(own, "WatchdogSec")
	r.value(own, "SuccessExitStatus", func(v string) bool {
		var codes []uint8
		for w := range strings.FieldsSeq(v) {
			n, err := strconv.ParseUint(w, 10, 8)
			if err != nil {
				return false
			}
			codes = append(codes, uint8(n))
		}
		n := 0
		for range r.each(own, "SuccessExitStatus") {
			n++
		}
		if n == 1 {
			s.SuccessExit = codes
		}
		return n == 1
	})
	s.RemainAfterExit = r.yes(own, "RemainAfterExit")
	switch m := r.word(own, "KillMode", "mixed", "control-group", "process", "none"); m {
	case "mixed":
	case "":
		s.KillMode = KillControlGroup
	default:
		s.KillMode = KillMode(m)
	}
	s.KillSignal = r.signal("KillSignal")
}

// backoff reads the delays, zero where they are the defaults of a typed unit,
// and systemd's where the file leaves them to it.
func (r *reader) backoff(s *Service) {
	const own = "Service"
	delay := 100 * time.Millisecond
	if d := r.duration(own, "RestartSec"); d > 0 {
		delay = d
	}
	slowest := delay
	if steps, _ := r.file.Get(own, "RestartSteps"); steps != "" && steps != "0" {
		if d := r.duration(own, "RestartMaxDelaySec"); d > 0 {
			slowest = d
			if steps == restartSteps {
				r.take(own, "RestartSteps")
			}
		}
	}
	burst, interval := 5, 10*time.Second
	if n := r.number("Unit", "StartLimitBurst", 1, 1<<31-1); n > 0 {
		burst = n
	}
	if d := r.duration("Unit", "StartLimitIntervalSec"); d > 0 {
		interval = d
	}
	s.RestartDelay = otherThan(delay, defaultDelay)
	s.RestartDelayMax = otherThan(slowest, max(defaultDelayMax, s.RestartDelay))
	s.StartLimitBurst = otherThan(burst, defaultBurst)
	s.StartLimitInterval = otherThan(interval, defaultInterval)
}

// otherThan is v, and zero where v is the default.
func otherThan[T comparable](v, otherwise T) (zero T) {
	if v == otherwise {
		return zero
	}
	return v
}

func (r *reader) rlimits(s *Service) {
	limits := map[Resource]Rlimit{}
	for _, res := range resources {
		if res == OpenFiles && s.OpenFiles != 0 {
			continue
		}
		r.value("Service", "Limit"+string(res), func(v string) bool {
			soft, hard, two := strings.Cut(v, ":")
			if !two {
				hard = soft
			}
			a, okA := plainLimit(soft)
			b, okB := plainLimit(hard)
			if okA && okB {
				limits[res] = Rlimit{a, b}
			}
			return okA && okB
		})
	}
	if len(limits) > 0 {
		s.Rlimits = limits
	}
}

func plainLimit(s string) (uint64, bool) {
	if s == "infinity" {
		return Infinite, true
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n != Infinite
}
