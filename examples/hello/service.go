package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// greeting is the configuration file.
type greeting struct {
	Text string `json:"greeting"`
}

func loadGreeting(path string) (*greeting, error) {
	g := &greeting{Text: "hello, world"}
	if path == "" {
		return g, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, 64<<10))
	dec.DisallowUnknownFields()
	if err := dec.Decode(g); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

// service answers requests.
type service struct {
	log      *slog.Logger
	greeting atomic.Pointer[greeting]
	requests atomic.Uint64
	mux      *http.ServeMux
}

func newService(log *slog.Logger, g *greeting) *service {
	s := &service{log: log, mux: http.NewServeMux()}
	s.greeting.Store(g)
	s.mux.HandleFunc("GET /{$}", s.hello)
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /metrics", s.metrics)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	s.mux.ServeHTTP(seen, r)
	s.requests.Add(1)
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.Group("http",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", seen.status),
		slog.Duration("took", time.Since(began))))
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *service) hello(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, s.greeting.Load().Text)
}

// healthz is what the watchdog asks too: it has to go through what a request
// goes through.
func (s *service) healthz(w http.ResponseWriter, _ *http.Request) {
	if s.greeting.Load().Text == "" {
		http.Error(w, "no greeting configured", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// reload reads the configuration again. A bad file leaves the old one in force,
// and systemd is told that the reload is over either way.
func (s *service) reload(path string) error {
	err := notify(reloading)
	g, loadErr := loadGreeting(path)
	if loadErr == nil {
		s.greeting.Store(g)
		s.log.Info("reloaded")
	}
	return errors.Join(err, loadErr, notify(ready))
}
