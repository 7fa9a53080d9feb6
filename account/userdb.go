package account

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/bedplate/bedplate/internal/passwd"
)

// userdbDir has a socket for each service that knows users or groups, named like
// it. That of systemd-userdbd asks all of them, and NSS, too.
// https://systemd.io/USER_GROUP_API
const (
	userdbDir   = "/run/systemd/userdb"
	multiplexer = "io.systemd.Multiplexer"
)

// userdbServices are those to be asked, the multiplexer first. NameServiceSwitch
// and DropIn are userdbd's own, and behind it.
func userdbServices(dir string) (sockets []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // no such directory, no such service
	}
	for _, e := range entries {
		switch e.Name() {
		case multiplexer:
			sockets = slices.Insert(sockets, 0, path.Join(dir, multiplexer))
		case "io.systemd.NameServiceSwitch", "io.systemd.DropIn":
		default:
			sockets = append(sockets, path.Join(dir, e.Name()))
		}
	}
	return sockets
}

// errNoUserdb: nobody answers there, or can't at the moment.
var errNoUserdb = errors.New("no such userdb service")

type query interface{ method() string }

type userQuery struct {
	UserName string  `json:"userName,omitempty"`
	UID      *uint32 `json:"uid,omitempty"`
	Service  string  `json:"service"`
}

type groupQuery struct {
	GroupName string  `json:"groupName,omitempty"`
	GID       *uint32 `json:"gid,omitempty"`
	Service   string  `json:"service"`
}

func (userQuery) method() string  { return "io.systemd.UserDatabase.GetUserRecord" }
func (groupQuery) method() string { return "io.systemd.UserDatabase.GetGroupRecord" }

// withService names the service that is asked, which is the socket's name.
func withService(q query, service string) query {
	switch q := q.(type) {
	case userQuery:
		q.Service = service
		return q
	case groupQuery:
		q.Service = service
		return q
	}
	return q
}

type userRecord struct {
	UserName      string `json:"userName"`
	UID           uint32 `json:"uid"`
	GID           uint32 `json:"gid"`
	RealName      string `json:"realName"`
	HomeDirectory string `json:"homeDirectory"`
	Shell         string `json:"shell"`
}

func (r userRecord) user() passwd.User {
	return passwd.User{Name: r.UserName, UID: r.UID, GID: r.GID, Comment: r.RealName, Home: r.HomeDirectory, Shell: r.Shell}
}

type groupRecord struct {
	GroupName string   `json:"groupName"`
	GID       uint32   `json:"gid"`
	Members   []string `json:"members"`
}

func (r groupRecord) group() passwd.Group {
	return passwd.Group{Name: r.GroupName, GID: r.GID, Members: r.Members}
}

// userdb calls one method over varlink: a JSON object and a NUL each way.
func userdb(ctx context.Context, socket string, q query, record any) (found bool, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrPermission) {
		return false, errNoUserdb
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return false, fmt.Errorf("account: userdb: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	call, err := json.Marshal(map[string]any{"method": q.method(), "parameters": withService(q, path.Base(socket))})
	if err == nil {
		_, err = conn.Write(append(call, 0))
	}
	var answer []byte
	if err == nil {
		answer, err = bufio.NewReader(conn).ReadBytes(0)
	}
	if ctx.Err() != nil {
		return false, fmt.Errorf("account: userdb: %w", context.Cause(ctx))
	}
	if err != nil {
		return false, fmt.Errorf("account: userdb: %s: %w", socket, err)
	}
	return readAnswer(answer, record)
}

func readAnswer(answer []byte, record any) (bool, error) {
	var reply struct {
		Error      string
		Parameters struct{ Record json.RawMessage }
	}
	if err := json.Unmarshal(bytes.TrimSuffix(answer, []byte{0}), &reply); err != nil {
		return false, fmt.Errorf("account: userdb: an answer that is no JSON: %w", err)
	}
	switch reply.Error {
	case "":
	case "io.systemd.UserDatabase.NoRecordFound", "io.systemd.UserDatabase.NonMatchingRecordFound":
		return false, nil
	case "io.systemd.UserDatabase.ServiceNotAvailable", "io.systemd.UserDatabase.BadService":
		return false, errNoUserdb
	default:
		return false, fmt.Errorf("account: userdb: %.100q; see systemd-userdbd's journal", reply.Error)
	}
	if err := json.Unmarshal(reply.Parameters.Record, record); err != nil {
		return false, fmt.Errorf("account: userdb: a record that is none: %w", err)
	}
	return true, nil
}
