// Command hello is the sample service: a small HTTP server, written the way a
// good Go service is written for systemd.
//
// It takes its sockets from systemd or makes its own, says when it is ready,
// keeps the watchdog fed only while it answers, reloads its configuration on
// SIGHUP, ends what it is doing on SIGTERM, and logs structured fields to the
// journal, or JSON lines where there is none.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bedplate/bedplate/unit/journal"
	"github.com/coreos/go-systemd/v22/activation"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to listen on when systemd hands over no socket")
	config := flag.String("config", "", "JSON `file` with the greeting; read again on SIGHUP")
	flag.Parse()
	log, err := newLogger()
	if err == nil {
		err = run(log, *listen, *config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func newLogger() (*slog.Logger, error) {
	if !journal.IsJournalStream(os.Stderr) {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil)), nil
	}
	h, err := journal.NewHandler(nil)
	if err != nil {
		return nil, err
	}
	return slog.New(h), nil
}

// grace is how long requests may take to end after SIGTERM. It is shorter than
// systemd's TimeoutStopSec, so that it is us who says what was cut off.
const grace = 10 * time.Second

func run(log *slog.Logger, address, config string) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	g, err := loadGreeting(config)
	if err != nil {
		return err
	}
	listeners, activated, err := sockets(address)
	if err != nil {
		return err
	}
	s := newService(log, g)
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
		log.Info("listening", "address", l.Addr().String(), "activated", activated)
	}
	watchdog, err := newWatchdog(s.mux)
	if err != nil {
		return err
	}
	defer watchdog.stop()
	if err := notify(ready); err != nil {
		return err
	}
	for {
		select {
		case <-hup:
			if err := s.reload(config); err != nil {
				log.Error("configuration kept as it was", "error", err)
			}
		case <-watchdog.tick:
			if err := watchdog.feed(ctx); err != nil {
				log.Error("watchdog not fed", "error", err)
			}
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		case <-ctx.Done():
			return shutdown(log, server)
		}
	}
}

func shutdown(log *slog.Logger, server *http.Server) error {
	err := notify(stopping)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err = errors.Join(err, server.Shutdown(ctx))
	log.Info("stopped", "clean", err == nil)
	return err
}

// sockets gives systemd's listeners or, where it hands over none, our own.
func sockets(address string) (listeners []net.Listener, activated bool, err error) {
	passed, err := activation.Listeners()
	if err != nil {
		return nil, false, fmt.Errorf("socket activation: %w", err)
	}
	for i, l := range passed {
		if l == nil {
			return nil, false, fmt.Errorf("socket activation: descriptor %d is no stream socket; check ListenStream= in the socket unit", i+3)
		}
	}
	if len(passed) > 0 {
		return passed, true, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, false, err
	}
	return []net.Listener{l}, false, nil
}
