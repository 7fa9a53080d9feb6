package unit

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAssign(t *testing.T) {
	for directive, want := range map[Directive]string{
		{"Service", "MemoryMax", "512M"}:                                       "[MemoryMax @t 536870912]",
		{"Service", "MemoryMax", "18446744073709551614"}:                       "[MemoryMax @t 18446744073709551614]",
		{"Service", "MemoryMax", "infinity"}:                                   "[MemoryMax @t 18446744073709551615]",
		{"Service", "MemoryHigh", "25%"}:                                       "[MemoryHighScale @u 1073741824]",
		{"Service", "CPUQuota", "150%"}:                                        "[CPUQuotaPerSecUSec @t 1500000]",
		{"Service", "CPUWeight", "idle"}:                                       "[CPUWeight @t 0]",
		{"Service", "AllowedCPUs", "0-2 9,4"}:                                  "[AllowedCPUs @ay [0x17, 0x2]]",
		{"Service", "IOReadBandwidthMax", "/dev/vda 10M"}:                      `[IOReadBandwidthMax @a(st) [("/dev/vda", 10000000,)]]`,
		{"Service", "IPAddressAllow", "10.0.0.0/8"}:                            "[IPAddressAllow @a(iayu) [(2, [0xa, 0x0, 0x0, 0x0], 8,)]]",
		{"Service", "RestrictNamespaces", "~user net"}:                         "[RestrictNamespaces @t 771883008]",
		{"Service", "RestrictNamespaces", "yes"}:                               "[RestrictNamespaces @t 0]",
		{"Service", "CapabilityBoundingSet", "CAP_CHOWN CAP_NET_BIND_SERVICE"}: "[CapabilityBoundingSet @t 1025]",
		{"Service", "CapabilityBoundingSet", ""}:                               "[CapabilityBoundingSet @t 0]",
		{"Service", "SystemCallFilter", "~@privileged @x"}:                     `[SystemCallFilter (false, ["@privileged", "@x"],)]`,
		{"Service", "TimeoutStopSec", "1min 500ms"}:                            "[TimeoutStopUSec @t 60500000]",
		{"Service", "NoNewPrivileges", "on"}:                                   "[NoNewPrivileges true]",
		{"Service", "PrivateTmp", "yes"}:                                       "[PrivateTmp true]",
		{"Service", "UMask", "0077"}:                                           "[UMask @u 63]",
		{"Service", "LimitNOFILE", "1024:4K"}:                                  "[LimitNOFILE @t 4096 LimitNOFILESoft @t 1024]",
		{"Service", "Environment", `"A=x y" B=50%%`}:                           `[Environment ["A=x y", "B=50%"]]`,
		{"Service", "EnvironmentFile", "-/etc/x"}:                              `[EnvironmentFiles [("/etc/x", true,)]]`,
		{"Unit", "Description", "50%% done"}:                                   `[Description "50% done"]`,
	} {
		got, err := assign(directive)
		require.NoError(t, err, directive)
		var flat []string
		for _, p := range got {
			flat = append(flat, p.Name, p.Value.String())
		}
		require.Equal(t, want, fmt.Sprint(flat), directive)
	}
	for _, bad := range []Directive{
		{"Service", "MemoryMax", "512MB"}, {"Service", "MemoryMax", "-1"}, {"Service", "MemoryMax", "101%"}, {"Service", "CPUQuota", "75"}, {"Service", "CPUQuota", "0%"},
		{"Service", "CPUWeight", "0"}, {"Service", "CPUWeight", "10001"}, {"Service", "AllowedCPUs", "3-1"}, {"Service", "IPAddressDeny", "x"}, {"Service", "ExecStart", "/bin/sh"},
		{"Service", "Nonsense", "1"}, {"Service", "UMask", "9"}, {"Service", "LimitNOFILE", "x"}, {"Service", "Environment", `"A`}, {"Service", "IOReadBandwidthMax", "/dev/vda"},
		{"Service", "CapabilityBoundingSet", "CAP_NONE"}, {"Service", "RestrictNamespaces", "x"}, {"Service", "SystemCallErrorNumber", "E"}, {"Service", "NoNewPrivileges", "maybe"},
		{"Service", "TimeoutStopSec", "1 fortnight"}, {"Service", "LoadCredential", "x"}, {"Service", "Nice", "x"}, {"Unit", "StartLimitBurst", "-1"},
	} {
		_, err := assign(bad)
		require.ErrorContains(t, err, bad.Name, bad)
	}
}

func TestLenient(t *testing.T) {
	f := lenient("x.service", []byte("nonsense\n[Service]\nA=1\n[broken\nB=2 \\\n  3\n=x\nC\n[Install]\nWantedBy=y.target\n"))
	require.Equal(t, []string{"1"}, f.All("Service", "A"))
	require.Equal(t, []string{"y.target"}, f.All("Install", "WantedBy"))
	require.Empty(t, lenient("x.service", []byte("\x00")).entries)
}

func TestDropInDirs(t *testing.T) {
	require.Equal(t, []string{"a-b-c@i.service.d", "a-b-c@.service.d", "a-b-.service.d", "a-.service.d", "service.d"}, dropInDirs("a-b-c@i.service"))
}

func TestExpand(t *testing.T) {
	got, err := expand("%p-%i-%n-%N-%%-50%", "app@one.service")
	require.NoError(t, err)
	require.Equal(t, "app-one-app@one.service-app@one-%-50%", got)
	_, err = expand("%h", "app.service")
	require.ErrorContains(t, err, "specifier %h")
}

func TestDifference(t *testing.T) {
	require.Equal(t, "comments and spacing", difference("x.service", []byte("[Service]\nA=1\n"), []byte("# c\n[Service]\nA=1\n")))
	require.Equal(t, "A: 1 → 2; no B (was x); Environment changed; C=1, 2", difference("x.service",
		[]byte("[Service]\nA=1\nB=x\nEnvironment=S=secret\n"), []byte("[Service]\nA=2\nEnvironment=S=other\nC=1\nC=2\n")))
	require.Equal(t, "A=1; B=1; C=1; D=1; 1 more", difference("x.service", nil, []byte("[Service]\nA=1\nB=1\nC=1\nD=1\nE=1\n")))
}

func TestLeadingNumber(t *testing.T) {
	for text, want := range map[string]int{"257.so": 257, "252-14.el9.so": 252, "v254.5": 254, "252.38-1~deb12u1": 252, "x": 0, "": 0} {
		require.Equal(t, want, leadingNumber(text), text)
	}
}
