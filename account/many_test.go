package account_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/account"
)

// TestOneOfMany is one of the processes that the tests below start.
func TestOneOfMany(t *testing.T) {
	name := os.Getenv("ACCOUNT_TEST_NAME")
	if name == "" {
		return
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // all start when it ends
	s := account.Set{Root: os.Getenv("ACCOUNT_TEST_ROOT"), Backend: account.Backend(os.Getenv("ACCOUNT_TEST_BACKEND")), Users: []account.User{{Name: name, SubIDs: true}, {Name: "shared", Groups: []string{"adm"}}}}
	if s.Root == "" || s.Backend == account.Record { // slow in the machine; no subordinate ids
		s.Users = []account.User{{Name: name}}
	}
	made, err := s.Ensure(t.Context())
	for _, c := range made {
		fmt.Println("MADE", c.Op, c.Kind, c.Target)
	}
	require.NoError(t, err)
}

// together runs the processes, and gives what they say they made.
func together(t testing.TB, s account.Set, names []string) (made []string) {
	t.Helper()
	ready, start, err := os.Pipe()
	require.NoError(t, err)
	outs := make([]bytes.Buffer, len(names))
	var all []*exec.Cmd
	for i, name := range names {
		cmd := exec.Command(os.Args[0], "-test.run=^TestOneOfMany$")
		cmd.Env = append(os.Environ(), "ACCOUNT_TEST_NAME="+name, "ACCOUNT_TEST_ROOT="+s.Root, "ACCOUNT_TEST_BACKEND="+string(s.Backend))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = ready, &outs[i], &outs[i]
		require.NoError(t, cmd.Start())
		all = append(all, cmd)
	}
	require.NoError(t, ready.Close())
	require.NoError(t, start.Close())
	for i, cmd := range all {
		require.NoError(t, cmd.Wait(), outs[i].String())
		for line := range strings.Lines(outs[i].String()) {
			if said, ok := strings.CutPrefix(line, "MADE "); ok {
				made = append(made, strings.TrimSpace(said))
			}
		}
	}
	return made
}

// one proves that 32 processes made one account that all want, and that those
// that each wants for itself share nothing.
func one(t testing.TB, s account.Set) {
	t.Helper()
	var names []string
	for i := range 32 {
		names = append(names, fmt.Sprintf("own%d", i/2)) // two want each
	}
	made := together(t, s, names)
	count := map[string]int{}
	for _, m := range made {
		count[m]++
	}
	want := map[string]int{"create user shared": 1, "create group shared": 1}
	for _, n := range names {
		want["create user "+n], want["create group "+n] = 1, 1
	}
	require.Equal(t, want, count)
	seen := map[string]string{}
	unique := func(file string, field int) {
		for line := range strings.Lines(read(t, "/", s.Root, file)) {
			if f := strings.Split(strings.TrimSpace(line), ":"); len(f) > field && (strings.HasPrefix(f[0], "own") || f[0] == "shared") {
				require.Empty(t, seen[file+f[0]], "%s is twice in %s", f[0], file)
				require.Empty(t, seen[file+f[field]], "%s and another have %s in %s", f[0], f[field], file)
				seen[file+f[0]], seen[file+f[field]] = f[0], f[0]
			}
		}
	}
	unique("etc/passwd", 2)
	unique("etc/group", 2)
	unique("etc/subuid", 1)
	unique("etc/subgid", 1)
	for _, file := range []string{"etc/shadow", "etc/gshadow"} {
		text := read(t, "/", s.Root, file)
		for _, n := range append(names, "shared") {
			require.Equal(t, 1, strings.Count(text, "\n"+n+":"), "%s in %s", n, file)
		}
	}
	require.Len(t, seen, 2*2*17+2*2*16) // "shared" has no subordinate ids
}

func TestManyProcesses(t *testing.T) {
	one(t, account.Set{Root: rootWith(t, nil), Backend: account.Files})
}

func TestManyRecord(t *testing.T) {
	root := rootWith(t, nil)
	made := together(t, account.Set{Root: root, Backend: account.Record}, slices.Repeat([]string{"one"}, 32))
	slices.Sort(made)
	require.Equal(t, []string{"create directory /etc/sysusers.d", "create file /etc/sysusers.d/bedplate-one.conf", "create group one", "create user one"}, made)
}
