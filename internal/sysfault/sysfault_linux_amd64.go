package sysfault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// Fault says what happens, and where.
type Fault struct {
	// At counts the calls that matter from 1; 0 is never.
	At int
	// Errno is what the call fails with. 0 kills the process instead.
	Errno syscall.Errno
	// Each makes one process try every call: what is struck is the first in the
	// first part that counts, the second in the second, and so on. At is not used.
	Each bool
	// Lasting lets every later call that changes something fail too, until the
	// part ends. What is then on disk is what a process leaves that is killed at
	// the struck call, or whose file system turned read-only there.
	Lasting bool
	// Reads counts the calls that read as well; without it only those that change
	// something count.
	Reads bool
	// Dir is what reads and writes by descriptor must be inside of to count.
	Dir string
}

// Result is what became of the process.
type Result struct {
	Calls  int    // that counted; with Each, in the last part
	Struck string // the name of the call, the last if there were several
	Status syscall.WaitStatus
}

const (
	// begin is a signal that a process ignores if nobody traces it.
	begin = syscall.SIGWINCH
	// end, in place of a descriptor, makes a call that fails.
	end = 1<<31 - 7002
	// struckErrno is an error that fchmod(2) does not have.
	struckErrno = syscall.ENOTNAM
)

// Begin is called by the traced process where a part that counts begins. The
// process runs at full speed until then.
func Begin() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = tgkill(os.Getpid(), syscall.Gettid(), begin)
}

func tgkill(pid, tid int, sig syscall.Signal) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_TGKILL, uintptr(pid), uintptr(tid), uintptr(sig)); errno != 0 {
		return errno
	}
	return nil
}

// End is called by the traced process where the part that counts ends. It says
// whether a call in it was struck.
func End() bool { return errors.Is(syscall.Fchmod(end, 0), struckErrno) }

const (
	optSysgood   = 0x1
	optClone     = 0x8
	optExitKill  = 0x100000
	getCallInfo  = 0x420e
	waitAll      = 0x40000000
	sysgoodTrap  = syscall.SIGTRAP | 0x80
	entering     = 1
	leaving      = 2
	noSuchSystem = ^uint64(0)
)

// callInfo is struct ptrace_syscall_info.
type callInfo struct {
	op   uint8
	_    [3]uint8
	_    uint32
	_, _ uint64
	nr   uint64
	args [6]uint64
	_    [2]uint64
}

// Run starts cmd, strikes once, and waits for its end.
func Run(cmd *exec.Cmd, fault Fault) (Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	t := tracer{fault: fault, pid: cmd.Process.Pid, threads: map[int]bool{}, failing: map[int]syscall.Errno{}}
	defer func() { _ = cmd.Process.Release() }()
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &ws, 0, nil); err != nil {
		return Result{}, fmt.Errorf("sysfault: wait: %w", err)
	}
	if err := syscall.PtraceSetOptions(t.pid, optSysgood|optClone|optExitKill); err != nil {
		return Result{}, fmt.Errorf("sysfault: %w", err)
	}
	if err := syscall.PtraceCont(t.pid, 0); err != nil {
		return Result{}, fmt.Errorf("sysfault: %w", err)
	}
	err := t.follow()
	return t.Result, err
}

type tracer struct {
	Result
	fault   Fault
	pid     int
	counts  bool
	parts   int
	threads map[int]bool
	struck  bool                  // in this part
	failing map[int]syscall.Errno // what the call that a thread is in fails with
}

func (t *tracer) follow() error {
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-t.pid, &ws, waitAll, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("sysfault: wait: %w", err)
		case ws.Exited() || ws.Signaled():
			delete(t.threads, tid)
			if tid == t.pid {
				t.Status = ws
				return nil
			}
			continue
		}
		t.threads[tid] = true
		sig := 0
		switch s := ws.StopSignal(); s {
		case sysgoodTrap:
			if err := t.call(tid); err != nil {
				return err
			}
		case begin:
			t.begin(tid)
		case syscall.SIGTRAP, syscall.SIGSTOP: // a thread was started, or starts, or is to be followed
		default:
			sig = int(s)
		}
		if err := t.resume(tid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("sysfault: continue: %w", err)
		}
	}
}

// begin stops the other threads for a moment: how a thread is followed is said
// when it goes on.
func (t *tracer) begin(by int) {
	t.counts, t.struck = true, false
	t.parts++
	if t.fault.Each {
		t.Calls = 0
	}
	for tid := range t.threads {
		if tid != by {
			_ = tgkill(t.pid, tid, syscall.SIGSTOP) // it may have ended
		}
	}
}

// resume follows a thread from call to call only where that matters: a stop
// costs far more than most calls.
func (t *tracer) resume(tid, sig int) error {
	if _, failing := t.failing[tid]; failing || t.counts {
		return syscall.PtraceSyscall(tid, sig)
	}
	return syscall.PtraceCont(tid, sig)
}

func (t *tracer) call(tid int) error {
	var info callInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, getCallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errors.Is(errno, syscall.ESRCH) {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("sysfault: call: %w", errno)
	}
	switch info.op {
	case entering:
		return t.enter(tid, &info)
	case leaving:
		if errno, ok := t.failing[tid]; ok {
			delete(t.failing, tid)
			return setRegs(tid, func(r *syscall.PtraceRegs) { r.Rax = uint64(-int64(errno)) })
		}
	}
	return nil
}

func (t *tracer) enter(tid int, info *callInfo) error {
	if info.nr == syscall.SYS_FCHMOD && info.args[0] == end {
		t.counts = false
		if t.struck {
			return t.fail(tid, struckErrno)
		}
		return nil
	}
	if !t.counts || !t.matters(tid, info) {
		return nil
	}
	if t.struck {
		if t.fault.Lasting && t.changes(tid, info) {
			return t.fail(tid, t.fault.Errno)
		}
		return nil
	}
	at := t.fault.At
	if t.fault.Each {
		at = t.parts
	}
	if t.Calls++; t.Calls != at {
		return nil
	}
	t.Struck, t.struck = names[info.nr], true
	if t.fault.Errno == 0 {
		return syscall.Kill(t.pid, syscall.SIGKILL)
	}
	return t.fail(tid, t.fault.Errno)
}

// fail lets the call that the thread enters fail: another one is made, which
// the kernel does not have, and its result replaced.
func (t *tracer) fail(tid int, errno syscall.Errno) error {
	t.failing[tid] = errno
	return setRegs(tid, func(r *syscall.PtraceRegs) { r.Orig_rax = noSuchSystem })
}

func setRegs(tid int, change func(*syscall.PtraceRegs)) error {
	var r syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &r); err != nil {
		return fmt.Errorf("sysfault: registers: %w", err)
	}
	change(&r)
	if err := syscall.PtraceSetRegs(tid, &r); err != nil {
		return fmt.Errorf("sysfault: registers: %w", err)
	}
	return nil
}

const (
	sysRenameat2     = 316
	sysCopyFileRange = 326
	sysSyncfs        = 306
	sysOpenat2       = 437
)

// names has the calls that can count.
var names = map[uint64]string{
	syscall.SYS_OPENAT: "openat", sysOpenat2: "openat2", syscall.SYS_MKDIRAT: "mkdirat", syscall.SYS_UNLINKAT: "unlinkat",
	syscall.SYS_RENAMEAT: "renameat", sysRenameat2: "renameat2", syscall.SYS_SYMLINKAT: "symlinkat", syscall.SYS_LINKAT: "linkat",
	syscall.SYS_FCHMOD: "fchmod", syscall.SYS_FCHMODAT: "fchmodat", syscall.SYS_FCHOWN: "fchown", syscall.SYS_FCHOWNAT: "fchownat",
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "pwrite", syscall.SYS_FTRUNCATE: "ftruncate", syscall.SYS_FSYNC: "fsync",
	sysSyncfs: "syncfs", sysCopyFileRange: "copy_file_range", syscall.SYS_UTIMENSAT: "utimensat", syscall.SYS_FSETXATTR: "fsetxattr",
	syscall.SYS_FREMOVEXATTR: "fremovexattr", syscall.SYS_FALLOCATE: "fallocate",
	syscall.SYS_READ: "read", syscall.SYS_GETDENTS64: "getdents", syscall.SYS_READLINKAT: "readlinkat", syscall.SYS_NEWFSTATAT: "fstatat", syscall.SYS_FSTAT: "fstat",
}

func (t *tracer) matters(tid int, info *callInfo) bool {
	return t.changes(tid, info) || t.fault.Reads && t.reads(info)
}

func (t *tracer) changes(tid int, info *callInfo) bool {
	switch info.nr {
	case syscall.SYS_OPENAT:
		return info.args[2]&syscall.O_CREAT != 0
	case syscall.SYS_WRITE, syscall.SYS_PWRITE64:
		return t.inside(info.args[0])
	case sysCopyFileRange:
		return t.inside(info.args[2])
	case sysOpenat2: // its flags are in memory
		var how [8]byte
		n, err := syscall.PtracePeekData(tid, uintptr(info.args[2]), how[:])
		return err == nil && n == len(how) && binary.NativeEndian.Uint64(how[:])&syscall.O_CREAT != 0
	case syscall.SYS_READLINKAT, syscall.SYS_NEWFSTATAT, syscall.SYS_READ, syscall.SYS_GETDENTS64, syscall.SYS_FSTAT:
		return false
	}
	return names[info.nr] != ""
}

func (t *tracer) reads(info *callInfo) bool {
	switch info.nr {
	case syscall.SYS_OPENAT, sysOpenat2, syscall.SYS_READLINKAT, syscall.SYS_NEWFSTATAT:
		return true
	case syscall.SYS_READ, syscall.SYS_GETDENTS64, syscall.SYS_FSTAT:
		return t.inside(info.args[0])
	}
	return false
}

func (t *tracer) inside(fd uint64) bool {
	to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, fd))
	return err == nil && strings.HasPrefix(to, t.fault.Dir)
}
