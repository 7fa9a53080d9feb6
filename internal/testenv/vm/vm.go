// Package vm runs one throwaway machine: QEMU under plain emulation, a pristine
// root disk, the agent's frames, and a verdict that tells a machine that ended
// well from one that died or hung.
package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
	"github.com/bedplate/bedplate/internal/testenv/image"
	"github.com/bedplate/bedplate/internal/testenv/wire"
)

// Config is a machine to run.
type Config struct {
	Machine image.Machine
	// Init and Agent are the programs of those names, built for the machine.
	Init, Agent string
	Payload     Payload
	// CPUs that the machine has; zero: 1.
	CPUs int
	// Full boots Debian's own choice of units, udev and logind among them.
	Full bool
	// Console is where the console's log is kept.
	Console string
	// Silence is how long the machine may say nothing before it counts as hung,
	// once its agent has said its first word. Zero: patience, which is also what
	// a boot is given, for that depends on how busy the host is.
	Silence time.Duration
	// Disk is a copy of the image to boot from and to keep what is written to it;
	// "": the image, and nothing is kept. Firmware boots what is in its first
	// sector, and not the kernel that is given to QEMU.
	Disk     string
	Firmware bool
	// Terminal is connected to the manifest's shell.
	Terminal *Terminal
}

// DiedError is a machine that ended without its agent saying so.
type DiedError struct {
	Cause   string
	Console string // the end of the console's log
}

func (e *DiedError) Error() string {
	return "the machine died: " + e.Cause + "\n--- end of its console:\n" + e.Console
}

// HungError is a machine that said nothing for too long.
type HungError struct {
	Silence time.Duration
	Last    string // what it said last
	Console string
}

func (e *HungError) Error() string {
	return fmt.Sprintf("the machine hung: nothing for %v after %s\n--- end of its console:\n%s", e.Silence, e.Last, e.Console)
}

const scratchSize = 256 << 20

// Run boots the machine, hands every frame to see, and waits for its end. The
// result is the agent's last word; nil error means that it was Done.
func (c Config) Run(ctx context.Context, see func(wire.Frame)) (code int, err error) {
	// QEMU's options are separated by commas, and a socket's path is short.
	dir, err := os.MkdirTemp("", "bedplate-machine-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, p := range []string{dir, c.Machine.Root, c.Disk, c.Console} {
		if strings.Contains(p, ",") {
			return 0, fmt.Errorf("vm: %s: QEMU can't take a comma in a path; use another folder (TMPDIR, -cache)", p)
		}
	}
	if err := c.writeInitrd(filepath.Join(dir, "initrd")); err != nil {
		return 0, err
	}
	if c.Disk != "" { // what boots it from there
		c.Payload.Files = maps.Clone(c.Payload.Files)
		c.Payload.Files["with/boot/vmlinuz"], c.Payload.Files["with/boot/initrd"] = c.Machine.Kernel, filepath.Join(dir, "initrd")
		c.Payload.Manifest.Keep = true
	}
	if err := errors.Join(c.Payload.write(filepath.Join(dir, "payload")), sparse(filepath.Join(dir, "scratch"), scratchSize)); err != nil {
		return 0, err
	}
	port, err := net.Listen("unix", filepath.Join(dir, "port"))
	if err != nil {
		return 0, err
	}
	defer port.Close()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	argv := append(append([]string{}, c.Machine.QEMU...), c.arguments(dir)...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = 5 * time.Second
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if c.Terminal != nil {
		line, err := c.Terminal.connect(cmd, see, cancel)
		if err != nil {
			return 0, err
		}
		defer line.close()
		see = line.see
	}
	ownProcess(cmd)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	w := watch{silence: c.Silence, see: see, cancel: cancel}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		w.listen(port)
	}()
	waitErr := cmd.Wait()
	port.Close()
	<-heard
	return w.verdict(context.Cause(ctx), waitErr, complaints.String(), tailOf(c.Console))
}

// watch follows what the agent says.
type watch struct {
	silence time.Duration
	see     func(wire.Frame)
	cancel  context.CancelCauseFunc

	last  string // in words, the last thing that was said
	done  bool
	code  int
	agent string // the agent's own error
	noise error  // what was no frame
}

var errSilence = errors.New("silence")

// patience is how long a machine may take to say its first word.
const patience = 2 * time.Minute

func (w *watch) listen(port net.Listener) {
	allowed := w.silence
	w.silence, w.last = patience, "power on"
	timer := time.AfterFunc(patience, func() { w.cancel(errSilence) })
	defer timer.Stop()
	conn, err := port.Accept()
	if err != nil {
		return // QEMU ended before it connected; its own complaint says why
	}
	defer conn.Close()
	for f, err := range wire.Frames(conn) {
		if allowed > 0 {
			w.silence = allowed
		}
		timer.Reset(w.silence)
		if err != nil {
			w.noise = errors.Join(w.noise, err)
			continue
		}
		if f.Kind != wire.Alive {
			w.last = strings.TrimSpace(string(f.Kind) + " " + f.Name)
		}
		switch f.Kind {
		case wire.Done:
			w.done, w.code = true, f.Code
		case wire.Error:
			w.agent = f.Text
		}
		w.see(f)
	}
}

func (w *watch) verdict(cause, exit error, complaints, console string) (int, error) {
	switch {
	case w.done:
		return w.code, w.noise
	case errors.Is(cause, errSilence):
		return 0, &HungError{Silence: w.silence, Last: w.last, Console: console}
	case cause != nil:
		return 0, cause
	case w.agent != "":
		return 0, &DiedError{Cause: "its agent gave up: " + w.agent, Console: console}
	}
	why := "QEMU ended"
	if exit != nil {
		why += " (" + exit.Error() + ")"
	}
	if complaints = strings.TrimSpace(complaints); complaints != "" {
		why += ": " + complaints
	}
	return 0, &DiedError{Cause: why + "; the last it said was " + w.last, Console: console}
}

func sparse(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// tailOf is the end of the console's log.
func tailOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	defer f.Close()
	const most = 4 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return "(" + err.Error() + ")"
		}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return strings.ToValidUTF8(string(b), "?")
}

// serials that the init and the agent find the disks by.
const rootSerial = "bedplate-root"

func (c Config) arguments(dir string) []string {
	in := func(name string) string { return filepath.Join(dir, name) }
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "q35",
		// The KVM device, where there is one, is nested more often than not, and then slower than emulation.
		"-accel", "tcg,thread=multi", "-cpu", "max", "-smp", strconv.Itoa(max(c.CPUs, 1)), "-m", "2048",
		"-chardev", "file,id=console,path=" + c.Console, "-device", "isa-serial,chardev=console,index=0",
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=port,path=" + in("port"), "-device", "virtserialport,chardev=port,name=" + testenv.Port,
	}
	disk := func(serial, file, options string) {
		args = append(args, "-drive", "if=none,id="+serial+",format=raw,file="+file+","+options, "-device", "virtio-blk-pci,drive="+serial+",serial="+serial)
	}
	if c.Disk == "" {
		// Every boot starts from the image as it was built: writes go to a temporary file.
		disk(rootSerial, c.Machine.Root, "snapshot=on,cache=unsafe")
	} else {
		disk(rootSerial, c.Disk, "cache=unsafe")
	}
	if c.Firmware {
		args[len(args)-1] += ",bootindex=0"
	} else {
		args = append(args, "-kernel", c.Machine.Kernel, "-initrd", in("initrd"), "-append", commandLine)
	}
	disk(testenv.ScratchSerial, in("scratch"), "cache=unsafe")
	disk(testenv.PayloadSerial, in("payload"), "readonly=on")
	if c.Terminal != nil {
		args = append(args, "-chardev", "stdio,id=terminal,signal=off", "-device", "isa-serial,chardev=terminal,index=1")
	}
	return args
}

// commandLine: what the tests are about (a unified hierarchy, pressure), what
// emulation is slow at, and what a machine without an identity would ask for.
var commandLine = strings.Join([]string{
	"console=ttyS0 quiet loglevel=4 panic=-1 rw",
	"systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all psi=1",
	"rcupdate.rcu_expedited=1 mitigations=off nokaslr audit=0 apparmor=0 random.trust_cpu=on no_timer_check tsc=reliable",
	"systemd.machine_id=0123456789abcdef0123456789abcdef systemd.firstboot=0 systemd.condition-needs-update=0",
	"systemd.show_status=0 systemd.getty_auto=0 systemd.gpt_auto=0 fstab=0 systemd.unit=multi-user.target",
}, " ")
