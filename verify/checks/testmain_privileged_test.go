//go:build privileged

package checks_test

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/bedplate/bedplate/internal/testenv"
)

// intruder makes this test binary a process that listens where it should not:
// "tcp 127.0.0.1:9999". It moves itself into the cgroup that is named first.
const intruder = "BEDPLATE_INTRUDER"

func TestMain(m *testing.M) {
	if what := os.Getenv(intruder); what != "" {
		if err := intrude(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testenv.Main(m)
}

func intrude(what string) error {
	var group, network, address string
	if _, err := fmt.Sscan(what, &group, &network, &address); err != nil {
		return err
	}
	if err := os.WriteFile("/sys/fs/cgroup"+group+"/cgroup.procs", []byte(fmt.Sprint(os.Getpid())), 0); err != nil {
		return err
	}
	var err error
	if network == "udp" {
		_, err = net.ListenPacket("udp4", address) // "udp" makes [::] of 0.0.0.0
	} else {
		_, err = net.Listen(network, address)
	}
	if err != nil {
		return err
	}
	fmt.Println("listening")
	time.Sleep(time.Hour)
	return nil
}
