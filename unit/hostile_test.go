package unit_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// hostile texts are put into every field of every kind.
var hostile = []string{
	"x\nUser=root", "x\r[Service]", "a\x00b", "\x1b[2J", "a\tb", "\x7f",
	`it's`, `say "so"`, `"`, "100%", "%n", "%", "%%", "$HOME", "${HOME}", "$", `a\`, `a\\`, `\x41`, `\`, "a b", " a", "a ", ";", "#a", "=", "a=b", "[x]",
	strings.Repeat("x", 70_000), strings.Repeat("/x", 3_000), "\xff\xfe", "a\xc3", "", "-", "@", "+", "!", "../..", "/../etc", "\u2028", "ünï",
}

// full units have something in every field, so that each of them can be reached.
func fullUnits() []unit.Unit {
	relations := func() unit.Relations {
		one := func() []string { return []string{"a.service"} }
		return unit.Relations{Requires: one(), Wants: one(), After: one(), Before: one(), BindsTo: one(), PartOf: one(), Conflicts: one()}
	}
	conditions := func() []unit.Condition {
		return []unit.Condition{{Test: "PathExists", Value: "/x"}, {Test: "Host", Value: "x"}}
	}
	docs := func() []string { return []string{"man:x(1)"} }
	command := func() []unit.Command { return []unit.Command{{Argv: []string{"/bin/x", "y"}}} }
	one := func(s string) []string { return []string{s} }
	return []unit.Unit{
		unit.Service{
			Name: "n", Description: "d", Documentation: docs(), Exec: []string{"/bin/x", "y"}, Type: unit.DBus, BusName: "com.example.X", NotifyAccess: unit.NotifyFromAll,
			ExecBefore: command(), ExecAfter: command(), ExecStop: command(), ExecCleanUp: command(), ReloadSignal: "SIGHUP", User: "u", Group: "g", WorkingDirectory: "/w",
			Environment: map[string]string{"A": "b"}, EnvironmentFiles: one("/e"), Credentials: map[string]string{"c": "/c"}, SyslogIdentifier: "s",
			Sockets: one("a.socket"), Slice: "a.slice", Requires: one("a.service"), Wants: one("a.service"), After: one("a.service"), Before: one("a.service"),
			BindsTo: one("a.service"), PartOf: one("a.service"), Conflicts: one("a.service"), OnFailure: one("a.service"), Conditions: conditions(), KillSignal: "SIGINT",
			StateDirectory: one("s"), CacheDirectory: one("c"), LogsDirectory: one("l"), RuntimeDirectory: one("r"), ConfigurationDirectory: one("c"), ReadWritePaths: one("/r"),
			Sandbox: unit.Sandbox{Capabilities: one("CAP_CHOWN")}, WantedBy: one("a.target"), Limits: unit.GivenLimits{{Section: "Service", Name: "MemoryMax", Value: "1M"}},
			Extra: []unit.Directive{{Section: "Service", Name: "LogExtraFields", Value: "A=b"}},
		},
		unit.Service{Name: "f", Exec: one("/bin/x"), Type: unit.Forking, PIDFile: "/run/x"},
		unit.Service{Name: "t@", Exec: one("/bin/x"), DefaultInstance: "i"},
		unit.Socket{
			Name: "n", Description: "d", Documentation: docs(), Relations: relations(), Conditions: conditions(), Listen: one("/run/x"), Datagrams: one("80"), FDName: "f",
			Service: "a.service", User: "u", Group: "g", IPv6Only: unit.IPv6Both, Interface: "eth0", WantedBy: one("a.target"), Extra: []unit.Directive{{Section: "Socket", Name: "SmackLabel", Value: "x"}},
		},
		unit.Timer{Name: "n", Description: "d", Documentation: docs(), Relations: relations(), Conditions: conditions(), Calendar: one("daily"), Unit: "a.service", WantedBy: one("a.target")},
		unit.Path{Name: "n", Description: "d", Documentation: docs(), Relations: relations(), Conditions: conditions(), Exists: one("/x"), ExistsGlob: one("/x"), Changed: one("/x"), Modified: one("/x"), NotEmpty: one("/x"), Unit: "a.service", WantedBy: one("a.target")},
		unit.Mount{What: "tmpfs", Where: "/w", Description: "d", Documentation: docs(), Relations: relations(), Conditions: conditions(), Type: "tmpfs", Options: one("o"), WantedBy: one("a.target")},
		unit.Slice{Name: "n", Description: "d", Documentation: docs(), Relations: relations(), Conditions: conditions(), Limits: unit.GivenLimits{{Section: "Slice", Name: "MemoryMax", Value: "1M"}}},
		unit.TargetUnit{Name: "n", Description: "d", Documentation: docs(), Relations: relations(), Conditions: conditions(), WantedBy: one("a.target")},
		unit.DropIn{Unit: "a.service", Name: "n", Directives: []unit.Directive{{Section: "Service", Name: "LogExtraFields", Value: "A=b"}}},
	}
}

// poisoned gives every unit that differs from u in one text.
func poisoned(u unit.Unit, text string, yield func(path string, u unit.Unit)) {
	// Count first: a copy is made for each.
	n := 0
	walk(reflect.ValueOf(deepCopy(u)).Elem(), "", func(string, reflect.Value, func(string)) { n++ })
	for i := range n {
		c := deepCopy(u)
		j, path := 0, ""
		walk(reflect.ValueOf(c).Elem(), "", func(p string, _ reflect.Value, set func(string)) {
			if j == i {
				path = p
				set(text)
			}
			j++
		})
		yield(path, reflect.ValueOf(c).Elem().Interface().(unit.Unit))
	}
}

// walk finds every text of a value, in maps the keys too.
func walk(v reflect.Value, path string, found func(path string, v reflect.Value, set func(string))) {
	switch v.Kind() {
	case reflect.String:
		found(path, v, v.SetString)
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), found)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), found)
		}
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		inner := reflect.New(v.Elem().Type()).Elem()
		inner.Set(reflect.AppendSlice(reflect.MakeSlice(v.Elem().Type(), 0, v.Elem().Len()), v.Elem()))
		walk(inner, path, func(p string, at reflect.Value, set func(string)) {
			found(p, at, func(s string) { set(s); v.Set(inner) })
		})
	case reflect.Map:
		if v.Type().Elem().Kind() != reflect.String {
			return
		}
		for _, k := range v.MapKeys() {
			value := v.MapIndex(k)
			found(fmt.Sprintf("%s[%s]", path, k), value, func(s string) { v.SetMapIndex(k, reflect.ValueOf(s)) })
			found(path, k, func(s string) {
				v.SetMapIndex(k, reflect.Value{})
				v.SetMapIndex(reflect.ValueOf(s), value)
			})
		}
	}
}

func deepCopy(u unit.Unit) any {
	c := reflect.New(reflect.TypeOf(u))
	c.Elem().Set(copyOf(reflect.ValueOf(u)))
	return c.Interface()
}

func copyOf(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			c.Field(i).Set(copyOf(v.Field(i)))
		}
	case reflect.Slice:
		if !v.IsNil() {
			c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				c.Index(i).Set(copyOf(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			c.Set(reflect.MakeMap(v.Type()))
			for _, k := range v.MapKeys() {
				c.SetMapIndex(k, v.MapIndex(k))
			}
		}
	}
	return c
}

// names says whether an error names a field: by its whole path, or for the
// caller's own directives by where they stand.
func names(err error, path string) bool {
	for _, own := range []string{"Extra[0]", "Limits", "Directives[0]", "Credentials", "Environment"} {
		if strings.HasPrefix(path, own) {
			path = own
		}
	}
	if path == "Where" || path == "Unit" {
		path = "Name" // which is made of it
	}
	return strings.Contains(err.Error(), path) || path == "Name"
}

// Every text of every kind with every hostile one: refused with the field's path,
// or read back as it is.
func TestHostileTexts(t *testing.T) {
	refused, taken := 0, 0
	for _, u := range fullUnits() {
		_, err := unit.Render(u)
		require.NoError(t, err, "%T", u)
		for _, text := range hostile {
			poisoned(u, text, func(path string, bad unit.Unit) {
				out, err := unit.Render(bad)
				if err != nil {
					refused++
					if !names(err, path) {
						t.Errorf("%T %s=%.40q: the error does not name the field: %v", u, path, text, err)
					}
					if len(err.Error()) > 2000 {
						t.Errorf("%T %s: an error of %d bytes", u, path, len(err.Error()))
					}
					return
				}
				taken++
				f, err := unit.Parse("/etc/systemd/system/"+bad.UnitName(), strings.NewReader(string(out)))
				require.NoError(t, err)
				if _, ok := bad.(unit.DropIn); ok {
					return // its values are the caller's, and compared with what was rendered
				}
				got, err := unit.Decode(f)
				require.NoError(t, err, "%s=%.40q\n%.2000s", path, text, out)
				again, err := unit.Render(got)
				require.NoError(t, err)
				if !strings.HasPrefix(path, "Limits") { // one of another name is Extra, further down
					require.Equal(t, string(out), string(again), "%s=%.40q", path, text)
				}
				if text != "" && path != "Name" && !strings.HasPrefix(path, "Extra") && !strings.HasPrefix(path, "Limits") {
					if !reflect.DeepEqual(bad, got) {
						t.Errorf("%T %s=%.40q reads back as another value:\n%.2000s", bad, path, text, out)
					}
				}
			})
		}
	}
	t.Logf("%d refused, %d taken and read back", refused, taken)
	require.Greater(t, refused, 1000)
	require.Greater(t, taken, 500)
}
