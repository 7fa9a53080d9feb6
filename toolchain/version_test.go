package toolchain

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// released is a version of each form that there ever was, in order.
var released = strings.Fields(`go1 go1.0.1 go1.0.3 go1.1rc2 go1.1rc3 go1.1 go1.1.1 go1.1.2 go1.2rc2 go1.2rc5 go1.2 go1.2.2
	go1.3beta1 go1.3beta2 go1.3rc1 go1.3 go1.4beta1 go1.4.3 go1.5beta1 go1.5beta3 go1.5rc1 go1.5 go1.5.4
	go1.8beta2 go1.8rc3 go1.8 go1.8.4 go1.8.5rc4 go1.8.5rc5 go1.8.5 go1.8.7 go1.9beta1 go1.9rc2 go1.9 go1.9.1 go1.9.2rc2 go1.9.2 go1.9.7
	go1.10beta1 go1.10 go1.10.8 go1.20 go1.20.14 go1.21rc2 go1.21rc4 go1.21.0 go1.21.13 go1.26rc1 go1.26.0 go1.26.8 go1.27rc9 go1.27rc10 go1.27.0`)

func TestEveryReleasedVersionParses(t *testing.T) {
	var versions []Version
	for _, s := range released {
		for _, form := range []string{s, strings.TrimPrefix(s, "go")} {
			v, err := ParseVersion(form)
			require.NoError(t, err)
			require.Equal(t, Version(s), v)
			_, err = v.semver()
			require.NoError(t, err, s)
		}
		versions = append(versions, Version(s))
	}
	shuffled := slices.Clone(versions)
	slices.Reverse(shuffled)
	slices.SortStableFunc(shuffled, Version.Compare)
	require.Equal(t, versions, shuffled)
	require.Equal(t, "1.9", Version("go1.9.2rc2").Minor())
	require.True(t, Version("go1.9.2rc2").Prerelease())
	require.Equal(t, "1.9.2-rc.2", must(Version("go1.9.2rc2").semver()).String())
	require.Zero(t, Version("go1.21").Compare("go1.21"))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestWanted(t *testing.T) {
	var there []Version
	for _, s := range released {
		there = append(there, Version(s))
	}
	supported := supportedMinors(there)
	require.Equal(t, []string{"1.27", "1.26"}, supported)
	for wanted, want := range map[string]Version{
		"1.26.8": "go1.26.8", "go1.26.8": "go1.26.8", "1.26": "go1.26.8", "go1.26": "go1.26.8", "1.26.x": "go1.26.8", "1.26.*": "go1.26.8",
		"~1.26.3": "go1.26.8", "~1.21": "go1.21.13", "^1.21.0": "go1.27.0", ">=1.25 <1.27": "go1.26.8", ">=1.25, <1.27": "go1.26.8",
		">=go1.21 <go1.22": "go1.21.13", "stable": "go1.27.0", "oldstable": "go1.26.8", " stable ": "go1.27.0",
		"1.27rc10": "go1.27rc10", ">=1.27rc1 <1.27.0": "go1.27rc10", "<1.27": "go1.26.8", "1.20": "go1.20.14", "go1": "go1",
		"1.9.2rc2": "go1.9.2rc2", "1.20 || 1.21": "go1.21.13", "=1.20.0": "go1.20",
	} {
		w, err := parseWanted(wanted)
		require.NoError(t, err, wanted)
		got, ok := w.newest(there, supported)
		require.True(t, ok, wanted)
		require.Equal(t, want, got, wanted)
	}
	for _, wrong := range []string{"", "go", "latest", "v1.26.8.1", "1.26.8-foo bar", "../1.26", "1.26/8", ">=", "1.26.8\n1"} {
		_, err := parseWanted(wrong)
		require.Error(t, err, wrong)
		require.NotContains(t, err.Error(), "\n", wrong)
	}
}

func TestDirectoryNames(t *testing.T) {
	for _, s := range released {
		for _, p := range []Platform{{}, {"linux", "arm64"}, {"linux", "arm"}, {"plan9", "386"}} {
			v, platform, ok := parseDirectoryName(directoryName(Version(s), p))
			require.True(t, ok)
			require.Equal(t, Version(s), v)
			require.Equal(t, p.orRunning(), platform)
		}
	}
	for _, name := range []string{"current", "go1.26.8", ".1.26.8.new", "1.26.8.new", "src"} {
		_, _, ok := parseDirectoryName(name)
		require.False(t, ok, name)
	}
}

func FuzzVersion(f *testing.F) {
	for _, s := range released {
		f.Add(s)
	}
	f.Add(">=1.25 <1.27")
	f.Add("go 1.26.3\n\ntoolchain go1.26.8\n")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := parseWanted(s)
		if err == nil {
			w.newest([]Version{"go1.26.8"}, []string{"1.26"})
		}
		for _, name := range []string{"go.mod", "go.work", ".go-version"} {
			if want, err := needs(name, []byte(s)); err == nil {
				_, err := parseWanted(want)
				require.NoError(t, err, name)
			}
		}
		v, err := ParseVersion(s)
		if err != nil {
			return
		}
		again, err := ParseVersion(v.Number())
		require.NoError(t, err)
		require.Equal(t, v, again)
		require.Zero(t, v.Compare(again))
		if got, p, ok := parseDirectoryName(directoryName(v, Platform{})); ok {
			require.Equal(t, v, got)
			require.Equal(t, Platform{}.orRunning(), p)
		}
	})
}
