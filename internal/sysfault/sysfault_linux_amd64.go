package sysfault

import (
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
	// Reads counts the calls that read as well; without it only those that change
	// something count.
	Reads bool
	// Dir is what reads and writes by descriptor must be inside of to count.
	Dir string
}

// Result is what became of the process.
type Result struct {
	Calls  int // that counted
	Struck string
	Status syscall.WaitStatus
}

// A call with one of these in place of a descriptor begins and ends the part
// that counts.
const (
	begin = 1<<31 - 7001
	end   = 1<<31 - 7002
)

// Begin is called by the traced process where the part that counts begins.
func Begin() { _ = syscall.Fchmod(begin, 0) }

// End is called by the traced process where the part that counts ends.
func End() { _ = syscall.Fchmod(end, 0) }

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
	t := tracer{fault: fault, pid: cmd.Process.Pid, failing: map[int]bool{}}
	defer func() { _ = cmd.Process.Release() }()
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &ws, 0, nil); err != nil {
		return Result{}, fmt.Errorf("sysfault: wait: %w", err)
	}
	if err := syscall.PtraceSetOptions(t.pid, optSysgood|optClone|optExitKill); err != nil {
		return Result{}, fmt.Errorf("sysfault: %w", err)
	}
	if err := syscall.PtraceSyscall(t.pid, 0); err != nil {
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
	failing map[int]bool // threads in a call that is to fail
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
			if tid == t.pid {
				t.Status = ws
				return nil
			}
			continue
		}
		sig := 0
		switch s := ws.StopSignal(); s {
		case sysgoodTrap:
			if err := t.call(tid); err != nil {
				return err
			}
		case syscall.SIGTRAP, syscall.SIGSTOP: // a thread was started, or starts
		default:
			sig = int(s)
		}
		if err := syscall.PtraceSyscall(tid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("sysfault: continue: %w", err)
		}
	}
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
		if t.failing[tid] {
			delete(t.failing, tid)
			return setRegs(tid, func(r *syscall.PtraceRegs) { r.Rax = uint64(-int64(t.fault.Errno)) })
		}
	}
	return nil
}

func (t *tracer) enter(tid int, info *callInfo) error {
	if info.nr == syscall.SYS_FCHMOD && (info.args[0] == begin || info.args[0] == end) {
		t.counts = info.args[0] == begin
		return nil
	}
	if !t.counts || !t.matters(info) {
		return nil
	}
	t.Calls++
	if t.Calls != t.fault.At {
		return nil
	}
	t.Struck = names[info.nr]
	if t.fault.Errno == 0 {
		return syscall.Kill(t.pid, syscall.SIGKILL)
	}
	t.failing[tid] = true
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
	syscall.SYS_READ: "read", syscall.SYS_GETDENTS64: "getdents", syscall.SYS_READLINKAT: "readlinkat", syscall.SYS_NEWFSTATAT: "fstatat", syscall.SYS_FSTAT: "fstat",
}

func (t *tracer) matters(info *callInfo) bool {
	switch info.nr {
	case syscall.SYS_OPENAT:
		return t.fault.Reads || info.args[2]&syscall.O_CREAT != 0
	case sysOpenat2, syscall.SYS_READLINKAT, syscall.SYS_NEWFSTATAT:
		return t.fault.Reads
	case syscall.SYS_READ, syscall.SYS_GETDENTS64, syscall.SYS_FSTAT:
		return t.fault.Reads && t.inside(info.args[0])
	case syscall.SYS_WRITE, syscall.SYS_PWRITE64:
		return t.inside(info.args[0])
	case sysCopyFileRange:
		return t.inside(info.args[2])
	}
	return names[info.nr] != ""
}

func (t *tracer) inside(fd uint64) bool {
	to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, fd))
	return err == nil && strings.HasPrefix(to, t.fault.Dir)
}
