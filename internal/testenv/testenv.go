package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Command is how privileged tests are run.
const Command = "go run ./internal/testenv/machine test"

const (
	// Marker is a file that the machine's init makes in /run before systemd
	// starts. It holds the machine's suite.
	Marker = "/run/bedplate-machine/suite"
	// PayloadDir is where the agent unpacks what the host brought.
	PayloadDir = "/var/lib/bedplate-machine"
	// Port is the name of the virtio port between agent and host.
	Port = "bedplate.machine.0"
	// ScratchSerial and PayloadSerial name the disks.
	ScratchSerial = "bedplate-scratch"
	PayloadSerial = "bedplate-payload"
	// BootVariable is the variable in which tests are told the boot's number.
	BootVariable = "BEDPLATE_BOOT"
)

// Main runs a package's tests. Built with the privileged tag it does so inside
// the machine only; built without, it is m.Run, so that a package needs one
// TestMain.
func Main(m *testing.M) {
	if privileged && !Inside() {
		fmt.Fprintf(os.Stderr, "privileged tests run in the throwaway machine only; nothing was touched here. Run:\n\t%s\n", Command)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Inside says whether this process runs in the throwaway machine. An
// environment variable would be too easy to have by accident: the init's mark
// and the machine's own port both have to be there.
func Inside() bool {
	_, err := os.Stat(Marker)
	return err == nil && portNode() != ""
}

// portNode finds the port's device without udev's help.
func portNode() string {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name") // the pattern is constant and valid
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && strings.TrimSpace(string(b)) == Port {
			return "/dev/" + filepath.Base(filepath.Dir(n))
		}
	}
	return ""
}

// OpenPort opens the port to the host. It is the agent's.
func OpenPort() (*os.File, error) {
	node := portNode()
	if node == "" {
		return nil, fmt.Errorf("testenv: no virtio port %s on this machine", Port)
	}
	return os.OpenFile(node, os.O_RDWR, 0)
}

// Disk finds a disk's node by its serial: letters depend on the order of probing.
func Disk(serial string) (string, error) {
	files, _ := filepath.Glob("/sys/block/*/serial")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(b)) == serial {
			return "/dev/" + filepath.Base(filepath.Dir(f)), nil
		}
	}
	return "", fmt.Errorf("testenv: no disk with serial %s", serial)
}

// Scratch is the node of an empty disk of 256 MiB that a test may do anything with.
func Scratch(t testing.TB) string {
	t.Helper()
	node, err := Disk(ScratchSerial)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// Suite is the machine's Debian release, "trixie".
func Suite(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(Marker)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// systemd of each suite; a test that branches says on what.
var systemdOf = map[string]int{"bullseye": 247, "bookworm": 252, "trixie": 257}

// Systemd is the version of the machine's systemd.
func Systemd(t testing.TB) int {
	t.Helper()
	s := Suite(t)
	v, ok := systemdOf[s]
	if !ok {
		t.Fatal("testenv: the systemd version of suite " + strconv.Quote(s) + " is not known here")
	}
	return v
}

// Boot says which boot of the machine this is, from 1: more than one has a package
// whose testdata/machine.json asks for several Boots.
func Boot(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(BootVariable))
	if err != nil {
		t.Fatalf("testenv: %s: %v", BootVariable, err)
	}
	return n
}

// Payload is the path of something that the host brought: "bin/provision",
// "sdk/sdk.zip". What a package needs it declares in testdata/machine.json.
func Payload(t testing.TB, name string) string {
	t.Helper()
	p := filepath.Join(PayloadDir, "with", name)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("testenv: the host brought no %s; declare it in testdata/machine.json: %v", name, err)
	}
	return p
}
