package transaction_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/internal/sysfault"
	"github.com/bedplate/bedplate/transaction"
)

// inMemory gives a directory in which syncing costs nothing.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "transaction-test-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { unseal(dir); require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func in(dir string) transaction.Tx {
	return transaction.Tx{Dir: filepath.Join(dir, "tx"), Root: filepath.Join(dir, "root")}
}

// TestApplyInChild is the process that the next test kills, at its work or, with
// a step that fails, at taking it back.
func TestApplyInChild(t *testing.T) {
	dir := os.Getenv("TRANSACTION_TEST_DIR")
	if dir == "" {
		return
	}
	tx := in(dir)
	all := steps(tx.Root)
	if os.Getenv("TRANSACTION_TEST_FAILS") != "" {
		all = append(all, failing(func() {}))
	}
	sysfault.Begin()
	_, _ = tx.Apply(t.Context(), all...)
	sysfault.End()
}

// TestKilledAnywhere: at each system call that changes something the process
// dies. After Recover all is as it was, or, if the transaction was committed,
// all is done.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	dir := inMemory(t)
	prepare(t, in(dir).Root)
	before := picture(t, in(dir).Root)
	_, err := in(dir).Apply(t.Context(), steps(in(dir).Root)...)
	require.NoError(t, err)
	after := picture(t, in(dir).Root)
	for _, fails := range []string{"", "1"} {
		old, done := 0, 0
		for at := 1; ; at++ {
			dir := filepath.Join(inMemory(t), "x")
			tx := in(dir)
			prepare(t, tx.Root)
			require.Equal(t, before, picture(t, tx.Root))
			result, out := sysfault.Self(t, "TestApplyInChild", sysfault.Fault{At: at, Dir: dir}, "TRANSACTION_TEST_DIR="+dir, "TRANSACTION_TEST_FAILS="+fails)
			if !result.Status.Signaled() {
				require.Zero(t, result.Status.ExitStatus(), out)
				break
			}
			_, err := tx.Recover(t.Context(), steps(tx.Root)...)
			require.NoError(t, err, "killed at call %d, %s", at, result.Struck)
			require.Equal(t, []string{"lock"}, left(t, tx))
			now := picture(t, tx.Root)
			if fails == "" && now["/etc/changed"] == after["/etc/changed"] {
				done++
				require.Equal(t, after, now, "killed at call %d, %s", at, result.Struck)
			} else {
				old++
				require.Equal(t, before, now, "killed at call %d, %s", at, result.Struck)
			}
			_, err = tx.Apply(t.Context(), steps(tx.Root)...)
			require.NoError(t, err)
			require.Equal(t, after, picture(t, tx.Root), "the next transaction succeeds")
		}
		t.Logf("fails %q: killed at %d calls before the commit, and %d behind it", fails, old, done)
		require.Greater(t, old, 50)
		if fails == "" {
			require.Greater(t, done, 2)
		}
	}
}

// TestFailuresInChild is the process whose calls the next test lets fail.
func TestFailuresInChild(t *testing.T) {
	top := os.Getenv("TRANSACTION_TEST_FAILURES")
	if top == "" {
		return
	}
	at := 1
	for ; ; at++ {
		dir := filepath.Join(top, strconv.Itoa(at))
		tx := in(dir)
		prepare(t, tx.Root)
		before := picture(t, tx.Root)
		sysfault.Begin()
		_, err := tx.Apply(t.Context(), steps(tx.Root)...)
		if !sysfault.End() {
			require.NoError(t, err)
			break
		}
		if err != nil {
			_, err := tx.Recover(t.Context(), steps(tx.Root)...)
			require.NoError(t, err, "call %d", at)
		}
		now := picture(t, tx.Root)
		if now["/etc/changed"] == before["/etc/changed"] {
			require.Error(t, err, "call %d: nothing was done, and it says so", at)
			require.Equal(t, before, now, "call %d: %v", at, err)
		}
		_, err = tx.Apply(t.Context(), steps(tx.Root)...)
		require.NoError(t, err)
		unseal(dir)
		require.NoError(t, os.RemoveAll(dir))
	}
	fmt.Println("calls:", at-1)
}

// TestEachCallFails: each call fails once, or from it on all that change
// something do. Nothing is left between old and new once Recover has run.
func TestEachCallFails(t *testing.T) {
	t.Parallel()
	for _, fault := range []sysfault.Fault{{Errno: syscall.ENOSPC}, {Errno: syscall.EROFS, Lasting: true}} {
		fault.Each, fault.Dir = true, inMemory(t)
		fault.Reads = os.Getenv("BEDPLATE_LONG") != ""
		result, out := sysfault.Self(t, "TestFailuresInChild", fault, "TRANSACTION_TEST_FAILURES="+fault.Dir)
		require.True(t, result.Status.Exited() && result.Status.ExitStatus() == 0, out)
		_, calls, ok := strings.Cut(out, "calls: ")
		require.True(t, ok, out)
		t.Logf("%s calls: %v, lasting: %v", strings.Fields(calls)[0], fault.Errno, fault.Lasting)
		require.Greater(t, result.Calls, 50)
	}
}
