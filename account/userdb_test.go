package account

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answering is a service that says one thing, whatever it is asked, and hangs up.
func answering(t *testing.T, answer string) (socket string, asked chan string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "u") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "io.example.Users")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	asked = make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		asked <- string(buf[:n])
		if answer != "" {
			_, _ = c.Write([]byte(answer))
			return
		}
		_, _ = c.Read(buf) // silent, until the other side goes
	}()
	return socket, asked
}

func TestUserdb(t *testing.T) {
	socket, asked := answering(t, `{"parameters":{"record":{"userName":"app","uid":870,"gid":871,"homeDirectory":"/h","shell":"/s","realName":"R","more":{}},"incomplete":true}}`+"\x00")
	var rec userRecord
	uid := uint32(0)
	found, err := userdb(t.Context(), socket, userQuery{UID: &uid}, &rec)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, `{"method":"io.systemd.UserDatabase.GetUserRecord","parameters":{"uid":0,"service":"io.example.Users"}}`+"\x00", <-asked)
	require.Equal(t, userRecord{"app", 870, 871, "R", "/h", "/s"}, rec)

	for answer, want := range map[string]string{
		"{\"error\":\"io.systemd.UserDatabase.NoRecordFound\"}\x00":       "",
		"{\"error\":\"io.systemd.UserDatabase.ServiceNotAvailable\"}\x00": errNoUserdb.Error(),
		"{\"error\":\"org.varlink.service.InvalidParameter\"}\x00":        "org.varlink.service.InvalidParameter",
		"{\"parameters\":{\"record\":[]}}\x00":                            "a record that is none",
		"{\"parameters\":{}}\x00":                                         "a record that is none",
		"<html>\x00":                                                      "no JSON",
		"{\"parameters\":":                                                "EOF",
	} {
		socket, _ := answering(t, answer)
		found, err := userdb(t.Context(), socket, groupQuery{GroupName: "g"}, &groupRecord{})
		require.False(t, found, answer)
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	_, err = userdb(t.Context(), filepath.Join(t.TempDir(), "none"), userQuery{}, &rec)
	require.ErrorIs(t, err, errNoUserdb)
}

func TestUserdbEndsWithItsContext(t *testing.T) {
	socket, asked := answering(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	why := errors.New("enough")
	ctx, stop := context.WithCancelCause(ctx)
	defer cancel()
	go func() { <-asked; stop(why) }()
	_, err := userdb(ctx, socket, userQuery{UserName: "x"}, &userRecord{})
	require.ErrorIs(t, err, why)
}

func TestUserdbServices(t *testing.T) {
	dir := t.TempDir()
	put := func(name string) { require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644)) }
	require.Empty(t, userdbServices(filepath.Join(dir, "none")))
	put("io.systemd.DynamicUser")
	put("io.systemd.NameServiceSwitch")
	require.Equal(t, []string{filepath.Join(dir, "io.systemd.DynamicUser")}, userdbServices(dir))
	put(multiplexer)
	require.Equal(t, []string{filepath.Join(dir, multiplexer), filepath.Join(dir, "io.systemd.DynamicUser")}, userdbServices(dir))
}

// No answer makes it crash, and none is both an error and a user.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"parameters":{"record":{"userName":"app","uid":870}}}` + "\x00"))
	f.Add([]byte(`{"error":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var u userRecord
		if found, err := readAnswer(b, &u); err != nil && found {
			t.Fatal("found, and an error")
		}
	})
}
