//go:build privileged

package unit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bedplate/bedplate/unit"
	"github.com/stretchr/testify/require"
)

// A service without any sandbox is looked at, gets all that is suggested, and
// runs on: with a fraction of the exposure.
func TestTighten(t *testing.T) {
	gone(t, "loose.service")
	service := hello(t, "loose", "127.0.0.1:9100")
	service.DynamicUser, service.User, service.Sandbox.Off = false, "nobody", true
	s := unit.Set{Units: []unit.Unit{service}, Start: true, Manager: unit.Manager{Stable: 200 * time.Millisecond}}
	_, err := s.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, "hello, world\n", get(t, "http://127.0.0.1:9100/"))
	before := exposures(t, "loose.service")["loose.service"]
	suggestions, err := s.Manager.Tighten(t.Context(), "loose.service")
	require.NoError(t, err)
	said := map[string]unit.Suggestion{}
	tighter := unit.DropIn{Unit: "loose.service", Name: "tighter"}
	for _, x := range suggestions {
		t.Log(x)
		said[x.Name] = x
		tighter.Directives = append(tighter.Directives, x.Directive)
	}
	require.Equal(t, "AF_INET AF_INET6 AF_UNIX", said["RestrictAddressFamilies"].Value)
	require.False(t, said["MemoryDenyWriteExecute"].Trial)
	require.True(t, said["SystemCallFilter"].Trial)
	require.NotContains(t, said, "PrivateNetwork")

	s.DropIns = []unit.DropIn{tighter}
	_, err = s.Ensure(t.Context())
	require.NoError(t, err)
	require.Equal(t, "hello, world\n", get(t, "http://127.0.0.1:9100/"))
	after := exposures(t, "loose.service")["loose.service"]
	t.Logf("exposure %d.%d → %d.%d", before/10, before%10, after/10, after%10)
	require.Less(t, after, 20)
	require.Greater(t, before, 85)
	rest, err := s.Manager.Tighten(t.Context(), "loose.service")
	require.NoError(t, err)
	for _, x := range rest {
		require.NotContains(t, said, x.Name, "it was suggested, and is in force")
	}

	_, err = s.Manager.Tighten(t.Context(), "dbus.socket")
	require.ErrorContains(t, err, "no service")
	_, err = s.Manager.Tighten(t.Context(), "none.service")
	require.ErrorAs(t, err, new(*unit.MissingError))
	require.True(t, strings.HasPrefix(suggestions[0].String(), "NoNewPrivileges=yes: "))
}
