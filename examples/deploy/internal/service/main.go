// Command service is what the tests of deploy deploy: a small service that says
// what it is, or is bad in the way that it was built to be.
//
//	go build -ldflags '-X main.kind=one'
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// kind is a version that serves, or "crashes" at once, is "mute" and never
// ready, "leaves" after it was ready, or is "ill" and answers with an error.
var kind = "none"

func main() {
	if kind == "crashes" {
		fmt.Fprintln(os.Stderr, "no configuration: crash on purpose")
		os.Exit(3)
	}
	listeners, err := activation.Listeners()
	if err != nil || len(listeners) != 1 {
		fmt.Fprintln(os.Stderr, "service: systemd gave no socket:", err)
		os.Exit(1)
	}
	if kind != "mute" {
		if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
			fmt.Fprintln(os.Stderr, "service:", err)
			os.Exit(1)
		}
	}
	if kind == "leaves" {
		os.Exit(4)
	}
	err = http.Serve(listeners[0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if kind == "ill" {
			http.Error(w, "ill", http.StatusServiceUnavailable)
			return
		}
		// What can't be written is the client's to notice.
		_, _ = fmt.Fprintln(w, kind)
	}))
	fmt.Fprintln(os.Stderr, "service:", err)
	os.Exit(1)
}
