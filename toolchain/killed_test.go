package toolchain_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be an installer that can be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BEDPLATE_TEST_INSTALL"); dir != "" {
		if err := installHere(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// installHere says on its standard output that it begins.
func installHere(dir string) error {
	url := os.Getenv("BEDPLATE_TEST_URL")
	sdk := toolchain.SDK{
		Version: os.Getenv("BEDPLATE_TEST_VERSION"), Dir: dir, Platform: linux, Use: true, AllowEndOfLife: true,
		Source: toolchain.Official{BaseURL: url},
	}
	if text := os.Getenv("BEDPLATE_TEST_SUMDB"); text != "" {
		db, err := goenv.ParseSumDB(text)
		if err != nil {
			return err
		}
		sdk.Source = toolchain.ModuleProxy{Proxies: goenv.ProxyList{{URL: url}}, SumDB: db}
	}
	fmt.Println()
	_, err := toolchain.Install(context.Background(), sdk)
	return err
}

func installer(t testing.TB, dir, url string, more ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "BEDPLATE_TEST_INSTALL="+dir, "BEDPLATE_TEST_URL="+url, "BEDPLATE_TEST_VERSION=1.26.8",
		"GORACE=atexit_sleep_ms=0") // a second between the end of its work and its own, otherwise
	cmd.Env = append(cmd.Env, more...)
	return cmd
}

// realKills is how often CI kills the installer of a real SDK, which a race
// detector makes ten times slower.
var realKills = 3

func long(short, long int) int {
	if os.Getenv("BEDPLATE_LONG") != "" {
		return long
	}
	return short
}

// killing kills installers at random points between their beginning and their
// end, until so many have died before they were done.
type killing struct {
	sdk  toolchain.SDK // what the next installer, this process, does
	env  []string      // of an installer
	url  string
	want int
	// takes is a guess at how long an installer takes, right enough for a few
	// kills; zero: it is measured.
	takes time.Duration
}

// TestKilledInstaller kills installers of a small SDK, from its first request
// on. Whatever is published is whole, `current` leads to it, and the next
// installer succeeds.
func TestKilledInstaller(t *testing.T) {
	t.Parallel()
	p := serve(t, "go1.26.8")
	killing{sdk: p.sdk("", "1.26.8"), url: p.URL, want: long(50, 2000)}.run(t)
}

// TestKilledInstallerOfRealSDK does the same to an SDK of 70 MB and eleven
// thousand files: as a module zip with the real checksum database behind it and,
// in the long form, as an archive.
func TestKilledInstallerOfRealSDK(t *testing.T) {
	t.Parallel()
	r := realSDK(t)
	t.Run("module zip", func(t *testing.T) {
		env := []string{"BEDPLATE_TEST_VERSION=" + r.version, "BEDPLATE_TEST_SUMDB=" + r.sumDB.Value()}
		sdk := toolchain.SDK{Version: r.version, Platform: linux, Use: true, AllowEndOfLife: true, Source: r.source()}
		killing{sdk: sdk, env: env, url: r.URL, want: long(realKills, 100), takes: time.Duration(long(1, 0)) * time.Second}.run(t)
	})
	if long(0, 1) == 0 {
		return
	}
	t.Run("archive", func(t *testing.T) {
		r.addArchive(t)
		version := "BEDPLATE_TEST_VERSION=" + r.version
		sdk := toolchain.SDK{Version: r.version, Platform: linux, Use: true, AllowEndOfLife: true, Source: toolchain.Official{BaseURL: r.URL}}
		killing{sdk: sdk, env: []string{version}, url: r.URL, want: 100}.run(t)
	})
}

func (k killing) run(t *testing.T) {
	takes := k.takes
	if takes == 0 {
		dir, dead := scratch(t), false
		takes, dead = k.strike(t, dir, time.Hour)
		require.False(t, dead)
		require.NoError(t, os.RemoveAll(dir))
	}
	runs, killed, torn, published := 0, 0, 0, 0
	for ; killed < k.want; runs++ {
		require.Less(t, runs, 20*k.want, "hardly any was killed in time")
		dir := scratch(t)
		took, dead := k.strike(t, dir, rand.N(takes+takes/4))
		if !dead {
			takes = (3*takes + took) / 4 // the first was slow, as first ones are; and others use the machine
			require.NoError(t, os.RemoveAll(dir))
			continue
		}
		killed++
		installed, err := toolchain.List(dir)
		require.NoError(t, err)
		for _, i := range installed {
			published++
			if i.Verify(t.Context()) != nil {
				torn++
			}
		}
		if _, err := os.Readlink(filepath.Join(dir, "current")); err == nil {
			require.Len(t, installed, 1)
		}
		k.sdk.Dir = dir
		i, err := toolchain.Install(t.Context(), k.sdk)
		require.NoError(t, err)
		require.NoError(t, i.Verify(t.Context()))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			require.False(t, strings.HasSuffix(e.Name(), ".new") || strings.HasSuffix(e.Name(), ".old"), e.Name())
		}
		require.NoError(t, os.RemoveAll(dir))
	}
	require.Zero(t, torn)
	t.Logf("%d runs, %d killed, %d of them after publishing, %d torn", runs, killed, published, torn)
}

// strike starts an installer and kills it so long after it began.
func (k killing) strike(t *testing.T, dir string, after time.Duration) (took time.Duration, dead bool) {
	t.Helper()
	cmd := installer(t, dir, k.url, k.env...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs strings.Builder
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, 1))
	require.NoError(t, err)
	began := time.Now()
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status := exit.Sys().(syscall.WaitStatus)
		require.True(t, status.Signaled() && status.Signal() == syscall.SIGKILL, "%v: %s", err, errs.String())
		return time.Since(began), true
	}
	require.NoError(t, err)
	return time.Since(began), false
}
