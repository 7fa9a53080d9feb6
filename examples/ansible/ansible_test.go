package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// task is what Ansible writes into the file of arguments.
type task map[string]any

func (t task) with(more task) task {
	t = maps.Clone(t)
	maps.Copy(t, more)
	return t
}

// ran is what a run of the module said.
type ran struct {
	result
	code   int
	stdout string
}

func module(t *testing.T, args task) ran {
	t.Helper()
	b, err := json.Marshal(args)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "args")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{file}, &stdout, &stderr)
	require.Empty(t, stderr.String())
	return understood(t, code, stdout.String())
}

// understood reads the answer as Ansible does: one line, one object.
func understood(t *testing.T, code int, stdout string) (r ran) {
	t.Helper()
	r.code, r.stdout = code, stdout
	require.Equal(t, 1, strings.Count(stdout, "\n"), stdout)
	dec := json.NewDecoder(strings.NewReader(stdout))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&r.result), stdout)
	require.Equal(t, r.Failed, code == exitFailed, stdout)
	require.Equal(t, r.Failed, r.Msg != "", stdout)
	require.NotContains(t, r.Msg, "\n")
	return r
}

const secret = "hunter2 correct horse"

// hello is a task with everything in it, in a directory that stands for a machine.
func hello(t *testing.T) (args task, root string) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "machine")
	return task{
		"name": "hello", "description": "Sample service", "exec": []any{"/usr/local/bin/hello", "-config", "/etc/hello/hello.json"},
		"type": "notify-reload", "user": "greeter", "root": root, "listen": []any{8080}, "slice": "apps.slice", "watchdog": "30s",
		"environment": task{"LEVEL": 3, "PHRASE": secret},
		"files": []any{
			task{"path": "/etc/hello/hello.json", "content": secret},
			task{"path": "/etc/hello/public.json", "content": secret, "mode": "0644", "group": "root"},
		},
		"limits":  task{"memory_max": "256M", "memory_high": 234881024, "memory_swap_max": 0, "cpu_max": "50%", "tasks_max": "64", "io_weight": 50},
		"enabled": "yes", "on_change": "reload", "sandbox": "activated", "stop_timeout": "1m30s",
		"_ansible_check_mode": false, "_ansible_diff": false, "_ansible_no_log": false, "_ansible_version": "2.14.18", "_ansible_socket": nil,
	}, root
}

var (
	check = task{"_ansible_check_mode": true}
	diff  = task{"_ansible_diff": true}
	noLog = task{"_ansible_no_log": true}
)

// still is a plan as what is done of it: what was pending no longer is. A record
// of owners says how many lines it gets, and those of directories that an earlier
// step made are not among them when its turn comes.
func still(changes []string) (list []string) {
	for _, c := range changes {
		list = append(list, pending.ReplaceAllString(c, "$1"))
	}
	return list
}

var pending = regexp.MustCompile(` \(after [^)]*\)$|(file /etc/tmpfiles.d/bedplate-[^:]*):.*`)

func read(t *testing.T, root, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(b)
}

const unitFile = "/etc/systemd/system/hello.service"

func TestStaged(t *testing.T) {
	args, root := hello(t)
	planned := module(t, args.with(check))
	require.True(t, planned.Changed)
	require.NoDirExists(t, root, "check mode changes nothing")

	first := module(t, args)
	require.True(t, first.Changed)
	require.Equal(t, still(planned.Changes), still(first.Changes), "the plan was honest")
	text := read(t, root, unitFile)
	for _, line := range []string{
		"Description=Sample service", "ExecStart=/usr/local/bin/hello -config /etc/hello/hello.json", "Type=notify-reload", "User=greeter", "Slice=apps.slice",
		"WatchdogSec=30s", "TimeoutStopSec=90s", "Environment=GOMAXPROCS=2", "Environment=GOMEMLIMIT=211392921", "Environment=LEVEL=3", "MemoryMax=256M", "MemoryHigh=224M",
		"MemorySwapMax=0", "CPUQuota=50%", "TasksMax=64", "IOWeight=50", "PrivateNetwork=yes", "ReadWritePaths=/var/cache/hello /var/lib/hello /var/log/hello",
	} {
		require.Contains(t, text, "\n"+line+"\n")
	}
	require.Contains(t, read(t, root, "/etc/systemd/system/hello.socket"), "ListenStream=8080\n")
	require.Equal(t, secret, read(t, root, "/etc/hello/hello.json"))
	require.FileExists(t, filepath.Join(root, "/etc/systemd/system/multi-user.target.wants/hello.service"))

	for _, more := range []task{nil, check, diff, noLog} {
		again := module(t, args.with(more))
		require.False(t, again.Changed)
		require.Empty(t, again.Changes)
		require.Empty(t, again.Diff)
	}

	// Enabled no more, and without its socket.
	delete(args, "listen")
	got := module(t, args.with(task{"enabled": false}))
	require.False(t, got.Failed, got.Msg)
	require.NoFileExists(t, filepath.Join(root, "/etc/systemd/system/multi-user.target.wants/hello.service"))
	require.NoFileExists(t, filepath.Join(root, "/etc/systemd/system/hello.socket"))

	// The units go, and nothing else does.
	gone := args.with(task{"state": "absent"})
	planned = module(t, gone.with(check))
	require.FileExists(t, filepath.Join(root, unitFile))
	got = module(t, gone)
	require.True(t, got.Changed)
	require.Equal(t, planned.Changes, got.Changes)
	require.NoFileExists(t, filepath.Join(root, unitFile))
	require.DirExists(t, filepath.Join(root, "/var/lib/hello"))
	require.Equal(t, secret, read(t, root, "/etc/hello/hello.json"))
	require.False(t, module(t, gone).Changed)
	require.False(t, module(t, task{"name": "hello", "state": "absent", "root": root}).Changed)
}

// TestDiff: what differs is shown, and not what may be secret, old or new.
func TestDiff(t *testing.T) {
	args, root := hello(t)
	require.False(t, module(t, args).Failed)
	file := filepath.Join(root, unitFile)
	edited := strings.Replace(read(t, root, unitFile), "TasksMax=64", "TasksMax=99\nEnvironment = OLD=older-secret \\\n  # in between\n  MORE=oldest-secret", 1)
	require.NoError(t, os.WriteFile(file, []byte(edited), 0o644))

	for _, more := range []task{check, nil} {
		got := module(t, args.with(diff).with(more))
		require.Len(t, got.Changes, 1)
		require.Len(t, got.Diff, 2)
		require.Equal(t, got.Changes[0]+"\n", got.Diff[0]["prepared"])
		d := got.Diff[1]
		require.Equal(t, unitFile, d["before_header"])
		require.Contains(t, d["before"], "\nTasksMax=99\n")
		require.Contains(t, d["after"], "\nTasksMax=64\n")
		require.Equal(t, strings.Count(edited, "\n"), strings.Count(d["before"], "\n"))
		require.Equal(t, 4+3, strings.Count(d["before"], "Environment=(not shown)\n"))
		require.Equal(t, 4, strings.Count(d["after"], "Environment=(not shown)\n"))
		require.NotContains(t, got.stdout, "-secret")
		require.NotContains(t, got.stdout, secret)
	}
}

// TestSecrets: in no kind of run is anything of a file or a variable in the
// output, and with no_log nothing else is.
func TestSecrets(t *testing.T) {
	args, root := hello(t)
	path := func(p string) task { return task{"files": []any{task{"path": p, "content": secret}}} }
	for _, more := range []task{
		check, {}, {}, {"state": "absent"}, {"limits": task{"memory_max": "25%"}}, {"exec": []any{"relative"}}, {"unknown": secret[:1]},
		{"environment": task{"A": secret + "\n"}}, {"environment": task{"1A": secret}}, {"environment": []any{secret}}, {"environment": secret},
		{"environment": task{"A": []any{secret}}}, {"environment": task{"TOKEN": secret}}, {"files": []any{secret}}, {"files": secret}, path("etc"), path("/etc"),
		{"files": []any{task{"path": "/etc/x", "content": []any{secret}}}}, {"files": []any{task{"path": "/etc/x", "content": secret, "mode": "4755"}}},
	} {
		for _, how := range []task{{}, diff, noLog, noLog.with(diff)} {
			got := module(t, args.with(more).with(how))
			require.NotContains(t, got.stdout, secret, "%v", more)
			require.NotContains(t, got.stdout, "horse", "%v", more)
			if how["_ansible_no_log"] != nil {
				require.Nil(t, got.Changes)
				require.Nil(t, got.Diff)
				require.NotContains(t, got.stdout, "hello", "%v", more)
			}
		}
		if how, err := os.Stat(filepath.Join(root, "/etc/hello/hello.json")); err == nil {
			require.Equal(t, "-rw-r-----", how.Mode().String())
		}
	}
}

// TestBadArguments: one clear line each that names the argument, and nothing half
// made.
func TestBadArguments(t *testing.T) {
	args, root := hello(t)
	for say, more := range map[string]task{
		`"exek" is no argument; there are description, enabled, environment, exec,`: {"exek": 1},
		`"memory" is no argument of limits; there are cpu_max,`:                     {"limits": task{"memory": 1}},
		`"owner" is no argument of files[0]; there are content, group, mode, path`:  {"files": []any{task{"owner": "x"}}},
		`exec is text; give a list`:                                                 {"exec": "/bin/sleep 60"},
		`exec[1] is a boolean; give text, in quotes`:                                {"exec": []any{"/bin/echo", true}},
		`exec[0] is null; give text`:                                                {"exec": []any{nil}},
		`exec is missing`:                                                           {"exec": nil},
		`unit: Exec[0]="sleep" must be an absolute path`:                            {"exec": []any{"sleep"}},
		`name=""; give a plain name`:                                                {"name": ""},
		`name="hello.service"; give a plain name`:                                   {"name": "hello.service"},
		`name is a list; give text`:                                                 {"name": []any{"hello"}},
		`account: user "root"`:                                                      {"user": "root"},
		`type: "fork"; give one of exec, notify, notify-reload, oneshot, simple`:    {"type": "fork"},
		`state: "gone"; give one of absent, present`:                                {"state": "gone"},
		`on_change: "reboot"; give one of leave, reload, restart`:                   {"on_change": "reboot"},
		`sandbox: "true"; give one of activated,`:                                   {"sandbox": true},
		`enabled: "perhaps"; give yes or no`:                                        {"enabled": "perhaps"},
		`started is an object; give text`:                                           {"started": task{}},
		`watchdog: "30"; give a time with its unit`:                                 {"watchdog": 30},
		`stop_timeout: "-1s"; give a time`:                                          {"stop_timeout": "-1s"},
		`root="machine"; give an absolute path`:                                     {"root": "machine"},
		`listen is text; give a list`:                                               {"listen": "127.0.0.1:8080"},
		`"localhost"`:                                                               {"listen": []any{"localhost"}},
		`limits is a list; give an object of cpu_max,`:                              {"limits": []any{}},
		`limits.memory_max: cgroupv2: memory "512MB"`:                               {"limits": task{"memory_max": "512MB"}},
		`limits.cpu_max: cgroupv2: CPU bandwidth "75"`:                              {"limits": task{"cpu_max": 75}},
		`limits: cgroupv2: MemoryMax=25%: what it comes to depends on the machine`:  {"limits": task{"memory_max": "25%"}},
		`MemoryHigh`:                            {"limits": task{"memory_max": "1G", "memory_high": "2G"}},
		`environment is a list; give an object`: {"environment": []any{"A=b"}},
		`environment["DEBUG"] is a boolean; give text, in quotes`:                                  {"environment": task{"DEBUG": true}},
		`unit: Environment name "A B"`:                                                             {"environment": task{"A B": "c"}},
		`files[0].mode: "416" is no mode; give it in octal and in quotes, such as "0640"`:          {"files": []any{task{"path": "/etc/x", "mode": 0o640}}},
		`files[0].mode: "u=rw" is no mode`:                                                         {"files": []any{task{"path": "/etc/x", "mode": "u=rw"}}},
		`files[1].content is an object; give text; of what a template takes apart, the filters to`: {"files": []any{task{"path": "/etc/x"}, task{"path": "/etc/y", "content": task{"a": 1}}}},
		`tree: layout: etc/x: the path is relative; write /etc/x`:                                  {"files": []any{task{"path": "etc/x"}}},
		`"a\nb"`: {"slice": "a\nb"},
	} {
		got := module(t, args.with(more))
		require.True(t, got.Failed, say)
		require.Contains(t, got.Msg, say)
		require.Empty(t, got.Changes)
		require.NoDirExists(t, root, say)
	}

	several := module(t, args.with(task{"exec": 1, "limits": task{"cpu_max": true, "memory_max": []any{}}, "_ansible_unheard_of": 1}))
	require.Regexp(t, "^exec is a number.*; limits.cpu_max: .*; limits.memory_max is a list", several.Msg)
}

// TestNoArguments: what is no file, no JSON, no object.
func TestNoArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "args")
	for _, text := range []string{"", "null", "[]", "7", `"name"`, `{"name":`, `{"name": "a"} {}`, "name=hello exec=/bin/x", "\xff\xfe", strings.Repeat("[", 100000)} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{file}, &stdout, &stderr)
		require.Empty(t, stderr.String())
		require.Contains(t, understood(t, code, stdout.String()).Msg, "no JSON object")
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{file + "none"}, &stdout, &stderr)
	require.Contains(t, understood(t, code, stdout.String()).Msg, "no such file")

	for _, args := range [][]string{nil, {"-help"}, {"--help"}, {file, file}} {
		stdout.Reset()
		stderr.Reset()
		require.Equal(t, exitUsage, run(t.Context(), args, &stdout, &stderr))
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), "Ansible module")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err == nil { // Linux has it
		defer full.Close()
		require.NoError(t, os.WriteFile(file, []byte(`{"name": "hello", "state": "absent", "root": "/nowhere/at/all"}`), 0o600))
		require.Equal(t, exitFailed, run(t.Context(), []string{file}, full, &stderr))
	}
}

// TestBooleans: all that Ansible takes for one (module_utils/parsing/convert_bool.py).
func TestBooleans(t *testing.T) {
	for want, list := range map[bool][]any{
		true:  {true, 1, "true", "True", "yes", "YES", "on", "1", "y", "t", " yes "},
		false: {false, 0, "false", "False", "no", "No", "off", "0", "n", "f"},
	} {
		for _, v := range list {
			b, err := json.Marshal(task{"name": "a", "exec": []any{"/a"}, "enabled": v, "started": v, "_ansible_check_mode": v})
			require.NoError(t, err)
			a, err := parse(b)
			require.NoError(t, err)
			require.Equal(t, []bool{want, want, want}, []bool{a.enabled, a.started, a.check}, "%v", v)
		}
	}
	a, err := parse([]byte(`{"name": "a", "exec": ["/a"], "enabled": null, "started": ""}`))
	require.NoError(t, err)
	require.Equal(t, []bool{true, true}, []bool{a.enabled, a.started}, "the default")
}

// FuzzArguments: whatever is in the file, the answer is one line, and parts of a
// service are made of it or refused, without a panic.
func FuzzArguments(f *testing.F) {
	f.Add([]byte(`{"name":"hello","exec":["/bin/hello",1],"limits":{"memory_max":"1G","cpu_max":"50%"},"environment":{"A":"b"},"_ansible_diff":true}`))
	f.Add([]byte(`{"name":"a","exec":["/a"],"files":[{"path":"/a","content":"b","mode":"0600"}],"listen":["80"],"watchdog":"1s","type":"notify","root":"/r"}`))
	f.Add([]byte(`{"name":"a","state":"absent","sandbox":"job","on_change":"leave","enabled":"off","x\n":{},"groups":["a\u2028"],"slice":"\u0000"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parse(b)
		var units unit.Set
		if err == nil {
			units, err = a.units()
		}
		if err == nil {
			require.NotEmpty(t, a.steps(units))
		}
		for _, u := range units.Units {
			_, bad := unit.Render(u)
			err = errors.Join(err, bad)
		}
		var stdout bytes.Buffer
		code := a.report(&stdout, outcome{}, err)
		understood(t, code, stdout.String())
	})
}
