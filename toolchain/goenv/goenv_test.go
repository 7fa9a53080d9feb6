package goenv_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
)

// askGo lets the real go command judge a setting, without any network: it is
// asked for a module that a file proxy lacks, so a good value ends with "not
// found" and a bad one with what is wrong with it.
func askGo(t *testing.T, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module probe\ngo 1.26\n"), 0o600))
	cmd := exec.Command("go", "mod", "download", "example.com/absent@v1.0.0")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOENV=off", "GONOSUMDB=", "GOPRIVATE=", "GONOPROXY=", "GOTOOLCHAIN=local", "GOMODCACHE="+filepath.Join(dir, "cache"))
	cmd.Env = append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stderr = &out
	require.Error(t, cmd.Run())
	return out.String()
}

func TestProxyListIsTheGoCommands(t *testing.T) {
	empty := "file://" + t.TempDir()
	for _, c := range []struct {
		value string // EMPTY is a proxy that has nothing
		want  string // what String gives back; "" where it is refused
	}{
		{"EMPTY", "EMPTY"}, {"EMPTY,off", "EMPTY,off"}, {"EMPTY|off", "EMPTY|off"}, {" EMPTY , off ", "EMPTY,off"}, {"off", "off"},
		{"EMPTY,,EMPTY,off", "EMPTY,EMPTY,off"}, {"off,::bad", "off"}, {"EMPTY,off,nonsense", "EMPTY,off"},
		{",", ""}, {" | ", ""}, {"nonsense", ""}, {"EMPTY,nonsense", ""}, {"ftp://proxy.example.com", ""}, {"file://host/path", ""}, {"file:///x?y", ""},
		{"http:///x,off", ""}, {"off|EMPTY", "off"}, {"::bad,off", ""}, {"http:x", ""},
		{"/abs/path", ""}, {"://", ""}, {"https://a b", ""},
	} {
		t.Run(c.value, func(t *testing.T) {
			value, want := strings.ReplaceAll(c.value, "EMPTY", empty), strings.ReplaceAll(c.want, "EMPTY", empty)
			list, err := goenv.ParseProxyList(value)
			verdict := askGo(t, "GOPROXY="+value, "GOSUMDB=off")
			refused := strings.Contains(verdict, "invalid proxy URL") || strings.Contains(verdict, "contains no entries") ||
				strings.Contains(verdict, "missing protocol scheme") || strings.Contains(verdict, "invalid file://") || strings.Contains(verdict, "no Host in request URL") || strings.Contains(verdict, "invalid port") || strings.Contains(verdict, "invalid character")
			require.Equal(t, refused, err != nil, "the go command says: %s", verdict)
			require.Equal(t, want, list.String())
			if err == nil {
				again, err := goenv.ParseProxyList(list.Value())
				require.NoError(t, err)
				require.Equal(t, list, again)
			}
		})
	}
}

func TestHostsGetHTTPS(t *testing.T) {
	list, err := goenv.ParseProxyList("proxy.example.com|http://mirror.example.com/go,direct")
	require.NoError(t, err)
	require.Equal(t, goenv.ProxyList{
		{URL: "https://proxy.example.com", Then: goenv.OnAnyError}, {URL: "http://mirror.example.com/go", Then: goenv.OnNotFound}, {URL: goenv.Direct},
	}, list)
	require.True(t, list[0].Continues(false))
	require.False(t, list[1].Continues(false))
	require.True(t, list[1].Continues(true))
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	list, err := goenv.ParseProxyList("https://user:hunter2@proxy.example.com,off")
	require.NoError(t, err)
	require.Contains(t, list.Value(), "hunter2")
	require.NotContains(t, fmt.Sprint(list, list[0]), "hunter2")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %q", list, list, list, list), "hunter2")
	require.Equal(t, "https://user:xxxxx@proxy.example.com,off", list.String())
	list, err = goenv.ParseProxyList("https://hunter2@proxy.example.com")
	require.NoError(t, err)
	require.Equal(t, "https://xxxxx@proxy.example.com", list.String(), "a token stands where a user name does")
	list, err = goenv.ParseProxyList("https://user:/hunter2@proxy.example.com")
	require.NoError(t, err, "a host, an empty port and a path, to the go command as well")
	require.NotContains(t, list.String(), "hunter2")
	for _, bad := range []string{
		"https://user:hunter2@proxy.example.com:port", "ftp://user:hunter2@x.example.com", "https://user:hunter2@%zz", "https://user:hunter2/x@proxy.example.com",
		"https://user:%hunter2@proxy.example.com", "ftp:/user:hunter2@x.example.com", "https://a:b@hunter2@x y", "https:/user:hunter2@proxy.example.com",
		"ftp://user/hunter2:x@x.example.com",
	} {
		_, err = goenv.ParseProxyList(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
	db, err := goenv.ParseSumDB("sum.golang.org https://user:hunter2@db.example.com")
	require.NoError(t, err)
	require.Contains(t, db.Value(), "hunter2")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %q", db, db, db, db), "hunter2")
	require.Contains(t, strings.Join(goenv.Modules{SumDB: db}.Env(), " "), "hunter2")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", goenv.Modules{Proxy: list, SumDB: db}, goenv.Modules{SumDB: db}, goenv.Modules{SumDB: db}), "hunter2")
	for _, bad := range []string{"sum.golang.org https://user:hunter2/x@db.example.com", "sum.golang.org https://user:hunter2@x y"} {
		_, err = goenv.ParseSumDB(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

var otherKey = keyOf("db.example.com")

func keyOf(name string) string {
	_, verifier, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		panic(err)
	}
	return verifier
}

func TestSumDBIsTheGoCommands(t *testing.T) {
	// The module is there; what is asked is who vouches for it.
	proxy := t.TempDir()
	v := filepath.Join(proxy, "example.com", "absent", "@v")
	require.NoError(t, os.MkdirAll(v, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(v, "v1.0.0.info"), []byte(`{"Version":"v1.0.0"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(v, "v1.0.0.mod"), []byte("module example.com/absent\n"), 0o600))
	for _, value := range []string{
		"sum.golang.org", "sum.golang.org https://mirror.example.com", "sum.golang.google.cn", otherKey, otherKey + " https://x.example.com",
		"sum.golang.org+https://sum.golang.org", "db.example.com", "db.example.com+18bb0a20", "a b c", "+", "sum.golang.org+033de0ae+AAAA",
		"db.example.com+18bb0a20+nonsense", " sum.golang.org ", "sum.golang.org ::bad", "sum.golang.google.cn https://x.example.com", "sum.golang.org\thttps://x.example.com",
		keyOf("db.example.com/"), keyOf("db.example.com/path"), keyOf("user@db.example.com"), keyOf("db.example.com?q"), keyOf("/path"), keyOf("a%2Fb"), keyOf("db.example.com:1"),
	} {
		t.Run(value, func(t *testing.T) {
			db, err := goenv.ParseSumDB(value)
			verdict := askGo(t, "GOPROXY=file://"+proxy, "GOSUMDB="+value)
			// go1.26.8 dies of a nil pointer where the name makes no URL.
			refused := strings.Contains(verdict, "panic:") || strings.Contains(verdict, "invalid GOSUMDB") || strings.Contains(verdict, "invalid sumdb name")
			require.Equal(t, refused, err != nil, "the go command says: %s (we: %v)", verdict, err)
			if err == nil {
				again, err := goenv.ParseSumDB(db.Value())
				require.NoError(t, err)
				require.Equal(t, db, again)
			}
		})
	}
	db, err := goenv.ParseSumDB("off")
	require.NoError(t, err)
	require.True(t, db.Off)
	_, err = goenv.ParseSumDB("")
	require.ErrorContains(t, err, "is empty")
}

func TestFromGo(t *testing.T) {
	m, err := goenv.FromGo(t.Context(), "go")
	require.NoError(t, err)
	require.NotEmpty(t, m.Proxy, "the go command has a default")
	t.Setenv("GOPROXY", "https://a.example.com|direct")
	t.Setenv("GOPRIVATE", "*.corp.example.com, x.example.com/y")
	t.Setenv("GOSUMDB", otherKey)
	m, err = goenv.FromGo(t.Context(), "go")
	require.NoError(t, err)
	require.Equal(t, "https://a.example.com|direct", m.Proxy.String())
	require.Equal(t, []string{"*.corp.example.com", " x.example.com/y"}, m.Private, "the go command trims nothing")
	require.ErrorContains(t, m.Validate(), `GOPRIVATE pattern " x.example.com/y"`)
	require.Contains(t, m.Env(), "GOSUMDB="+otherKey)

	t.Setenv("GOSUMDB", "nobody.example.com")
	_, err = goenv.FromGo(t.Context(), "go")
	require.ErrorContains(t, err, "give its key")
	_, err = goenv.FromGo(t.Context(), "/no/such/go")
	require.ErrorIs(t, err, os.ErrNotExist)
	m, err = goenv.Parse(map[string]string{"GOPRIVATE": "[a,,https://b.example.com,c.example.com/"})
	require.NoError(t, err)
	require.Equal(t, []string{"[a", "https://b.example.com", "c.example.com/"}, m.Private)
	require.ErrorContains(t, m.Validate(), `GOPRIVATE pattern "[a": syntax error in pattern`)
	require.ErrorContains(t, m.Validate(), `GOPRIVATE pattern "https://b.example.com"`)
	require.NotContains(t, m.Validate().Error(), "c.example.com")
}

func FuzzParseProxyList(f *testing.F) {
	for _, s := range []string{"https://a|b.example.com,direct", "off", ",", "file:///x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := goenv.ParseProxyList(s)
		if err != nil {
			return
		}
		again, err := goenv.ParseProxyList(list.Value())
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}

func FuzzParseSumDB(f *testing.F) {
	for _, s := range []string{"sum.golang.org", otherKey, "off", "a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		db, err := goenv.ParseSumDB(s)
		if err != nil {
			return
		}
		again, err := goenv.ParseSumDB(db.Value())
		require.NoError(t, err)
		require.Equal(t, db, again)
	})
}

func ExampleParseProxyList() {
	list, _ := goenv.ParseProxyList("proxy.example.com|https://mirror.example.com,direct")
	for _, p := range list {
		fmt.Println(p, p.Continues(false))
	}
	// Output:
	// https://proxy.example.com true
	// https://mirror.example.com false
	// direct false
}
