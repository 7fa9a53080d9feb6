package passwd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/passwd"
)

// odd is what such files hold besides entries.
const odd = "# remark\n\n \t \nroot:x:0:0:root:/root:/bin/sh\nnonsense\n:::::\nbad:x:y:z::/:/\n+nis::::::\n-other\n+\n"

func TestForeignLinesStay(t *testing.T) {
	for _, text := range []string{"", "\n", odd, strings.TrimSuffix(odd, "\n"), "root:x:0:0:root:/root:/bin/sh"} {
		tab := passwd.Parse([]byte(text))
		require.Equal(t, text, string(tab.Bytes()))
		tab.SetUser(passwd.User{Name: "app", Password: "x", UID: 9, GID: 9, Home: "/", Shell: "/s"})
		want := text
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if i := strings.Index(want, "+nis"); i >= 0 {
			want = want[:i] + "app:x:9:9::/:/s\n" + want[i:]
		} else {
			want += "app:x:9:9::/:/s\n"
		}
		require.Equal(t, want, string(tab.Bytes()))
		require.True(t, tab.Delete("app"))
		require.False(t, tab.Delete("app"))
		require.Equal(t, strings.TrimSuffix(text, "\n"), strings.TrimSuffix(string(tab.Bytes()), "\n"))
	}
}

func TestUsers(t *testing.T) {
	tab := passwd.Parse([]byte(odd + "  late:x:7:8:c,,:/h:/s:with:colons\nlate:x:9:9::/:/\n"))
	u, ok := tab.User("late")
	require.True(t, ok)
	require.Equal(t, passwd.User{Name: "late", Password: "x", UID: 7, GID: 8, Comment: "c,,", Home: "/h", Shell: "/s:with:colons"}, u)
	_, ok = tab.User("bad")
	require.False(t, ok)
	require.True(t, tab.Mentions("bad"))
	_, ok = tab.User("+nis")
	require.False(t, ok)
	_, ok = tab.UserID(0)
	require.True(t, ok)
	u.Shell = "/other"
	tab.SetUser(u)
	require.Contains(t, string(tab.Bytes()), "-other\n+\nlate:x:7:8:c,,:/h:/other\nlate:x:9:9::/:/\n")
}

func TestGroups(t *testing.T) {
	tab := passwd.Parse([]byte("adm:x:4:a, b,,c\nold:x:5\nbad:x:-1:\n"))
	g, ok := tab.Group("adm")
	require.True(t, ok)
	require.Equal(t, []string{"a", "b", "c"}, g.Members)
	_, ok = tab.GroupID(5)
	require.True(t, ok)
	g.Members = append(g.Members, "d")
	tab.SetGroup(g)
	require.Equal(t, "adm:x:4:a,b,c,d\nold:x:5\nbad:x:-1:\n", string(tab.Bytes()))
}

func TestShadow(t *testing.T) {
	const aging = ":19000:0:99999:7::20000:reserved"
	tab := passwd.Parse([]byte("app:$6$hash" + aging + "\n"))
	s, ok := tab.Shadow("app")
	require.True(t, ok)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", s, s, s), "hash")
	require.False(t, s.Password.Locked())
	s.Password = s.Password.Lock().Lock()
	tab.SetShadow(s)
	tab.SetShadow(passwd.Shadow{Name: "new", Password: "!*"})
	require.Equal(t, "app:!$6$hash"+aging+"\nnew:!*:::::::\n", string(tab.Bytes()))

	tab = passwd.Parse([]byte("adm:!:root,boss:a\nshort:!\n"))
	g, ok := tab.GroupShadow("adm")
	require.True(t, ok)
	require.Equal(t, []string{"root", "boss"}, g.Admins)
	g.Members = append(g.Members, "b")
	tab.SetGroupShadow(g)
	require.Equal(t, "adm:!:root,boss:a,b\nshort:!\n", string(tab.Bytes()))
}

func TestRanges(t *testing.T) {
	tab := passwd.Parse([]byte("a:100000:65536\n# x\na:300000:1\nb:x:1\n"))
	require.Equal(t, []passwd.Range{{Name: "a", Start: 100000, Count: 65536}, {Name: "a", Start: 300000, Count: 1}}, tab.Ranges())
	tab.AddRange(passwd.Range{Name: "c", Start: 1, Count: 2})
	require.Equal(t, uint64(1<<32), passwd.Range{Start: 1<<32 - 1, Count: 1}.End())
	require.True(t, strings.HasSuffix(string(tab.Bytes()), "b:x:1\nc:1:2\n"))
}

// edits are what can be done to each kind of file, under a name that the text
// has no line of.
var edits = []struct {
	add   func(*passwd.Table, string)
	found func(*passwd.Table, string) bool
}{
	{
		func(t *passwd.Table, n string) {
			t.SetUser(passwd.User{Name: n, Password: "x", UID: 1, GID: 2, Home: "/", Shell: "/s"})
		},
		func(t *passwd.Table, n string) bool { u, ok := t.User(n); return ok && u.GID == 2 && u.Shell == "/s" },
	},
	{
		func(t *passwd.Table, n string) {
			t.SetGroup(passwd.Group{Name: n, Password: "x", GID: 3, Members: []string{"a", "b"}})
		},
		func(t *passwd.Table, n string) bool { g, ok := t.Group(n); return ok && len(g.Members) == 2 },
	},
	{
		func(t *passwd.Table, n string) { t.SetShadow(passwd.Shadow{Name: n, Password: "!"}) },
		func(t *passwd.Table, n string) bool { s, ok := t.Shadow(n); return ok && s.Password.Locked() },
	},
	{
		func(t *passwd.Table, n string) {
			t.SetGroupShadow(passwd.GroupShadow{Name: n, Password: "!", Members: []string{"a"}})
		},
		func(t *passwd.Table, n string) bool { g, ok := t.GroupShadow(n); return ok && len(g.Members) == 1 },
	},
}

// Whatever the file holds: parsing and writing gives its bytes back; an entry
// that is added is found, and taking it away leaves all that was there; one that
// is there is rewritten without touching another line.
func FuzzForeignLines(f *testing.F) {
	for _, s := range []string{odd, "a:x:1:2:c:/h:/s\nb:x:1:\n", "adm:*::a,b\r\n\x00\xff", "app:!:1:2:3:4:5:6:7", " a:x:1:1\n\ta:b:c:d\n-\n+\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, text, string(passwd.Parse([]byte(text)).Bytes()))
		name := "zz"
		for passwd.Parse([]byte(text)).Mentions(name) {
			name += "z"
		}
		for _, e := range edits {
			tab := passwd.Parse([]byte(text))
			e.add(tab, name)
			require.True(t, e.found(tab, name))
			edited := string(tab.Bytes())
			e.add(tab, name)
			require.Equal(t, edited, string(tab.Bytes()), "adding is idempotent")
			require.True(t, tab.Delete(name))
			ended := text
			if ended != "" && !strings.HasSuffix(ended, "\n") {
				ended += "\n"
			}
			require.Equal(t, ended, string(tab.Bytes()))
		}
		tab := passwd.Parse([]byte(text))
		for u := range passwd.Parse([]byte(text)).Users() {
			first, ok := tab.User(u.Name)
			require.True(t, ok)
			before := strings.Count(string(tab.Bytes()), "\n")
			tab.SetUser(first)
			again, _ := tab.User(u.Name)
			require.Equal(t, first, again)
			require.InDelta(t, before, strings.Count(string(tab.Bytes()), "\n"), 1, "a last line may get its end")
		}
	})
}
