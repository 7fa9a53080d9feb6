package unit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// Transient is a service that has no file: it is run once, and is gone with its
// run, as by systemd-run.
type Transient struct {
	// Service is what runs. Name "" is a name of its own, run-….service.
	// [Install] and restarts are left out.
	Service Service
	// Stdin is its input. Nil: none.
	Stdin io.Reader
	// Stdout and Stderr take its output. Nil: the journal does.
	Stdout, Stderr io.Writer
}

// RunResult is what became of a Transient.
type RunResult struct {
	Status Status
	Usage  Usage
}

// Usage is what a run used. Zero: nothing, or this systemd does not tell: the
// peak of memory and input and output need 252 and 5.19, or newer.
type Usage struct {
	// Took is from start to end, CPU the time of all its processes.
	Took, CPU time.Duration
	// MemoryPeak is the most memory at a time, in bytes.
	MemoryPeak uint64
	// IORead and IOWritten are bytes of block devices.
	IORead, IOWritten uint64
}

// Run runs a service to its end. Whatever ends it but an exit with 0 is a
// *StartError, whose Status says what. When the context ends, the service is
// stopped.
func (m Manager) Run(ctx context.Context, t Transient) (r RunResult, err error) {
	s := t.Service
	if s.Name == "" {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return r, fmt.Errorf("unit: %w", err)
		}
		s.Name = "run-" + hex.EncodeToString(b[:])
	}
	s.NoInstall, s.WantedBy, s.Restart = true, nil, RestartNever
	name := s.UnitName()
	c, err := m.open(ctx, name)
	if err != nil {
		return r, err
	}
	defer c.close()
	properties, line, err := c.transient(ctx, s)
	if err != nil {
		return r, err
	}
	undo, err := c.pin(ctx, name, s.Exec, line)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	streams, err := t.streams()
	if err != nil {
		return r, err
	}
	began := time.Now()
	j := &job{verb: "run", unit: name, began: began, done: make(chan string, 1)}
	err = c.call(ctx, "run "+name, func(conn *sd.Conn) error {
		id, err := conn.StartTransientUnitContext(ctx, name, "fail", append(properties, streams.properties...), j.done)
		if j.id = id; broken(err) { // nobody knows whether it runs: not twice
			return fmt.Errorf("the connection broke while it was started; systemctl status %s says whether it runs: %w", name, errors.New(err.Error()))
		}
		return err
	})
	streams.given()
	if err != nil {
		return r, errors.Join(err, streams.close())
	}
	defer func() {
		// Its state is kept for us until here; what still runs is ended.
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, c.discard(after, name), streams.wait())
	}()
	return c.finish(ctx, j)
}

// transient makes the properties of a service, and gives its command as a file
// would have it.
func (c *client) transient(ctx context.Context, s Service) (properties []sd.Property, line string, err error) {
	version, err := c.version(ctx)
	if err != nil {
		return nil, "", err
	}
	argv := slices.Clone(s.Exec)
	text, _, err := Renderer{Target: Target{Systemd: version}}.Render(s)
	if err != nil {
		return nil, "", err
	}
	f, err := parse(s.UnitName(), text)
	if err != nil {
		return nil, "", err
	}
	line, _ = f.Get("Service", "ExecStart")
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], "$", "$$")
	}
	properties = one("ExecStart", []struct {
		Path   string
		Argv   []string
		MayErr bool
	}{{argv[0], argv, false}})
	// It stays until it was read, whatever became of it.
	properties = append(properties, one("RemainAfterExit", true)...)
	var errs []error
	for _, e := range f.entries {
		if e.Key == "ExecStart" || e.Key == "RemainAfterExit" {
			continue
		}
		p, err := assign(Directive{e.Section, e.Key, e.Value})
		errs = append(errs, err)
		properties = append(properties, p...)
	}
	return properties, line, errors.Join(errs...)
}

// finish waits for the end of a run.
func (c *client) finish(ctx context.Context, j *job) (r RunResult, err error) {
	waiting, cancel := earlier(ctx)
	defer cancel()
	if err := c.await(waiting, j); err != nil {
		return c.cut(ctx, j, err)
	}
	for {
		s, err := c.status(waiting, j.unit)
		if err != nil {
			return c.cut(ctx, j, err)
		}
		if over(s) {
			// A status is two reads, and the program may have ended between them: then
			// it has no process any more and is still "active". Once it has none, a
			// status is of one piece.
			if s, err = c.status(waiting, j.unit); err != nil {
				return c.cut(ctx, j, err)
			}
			if over(s) {
				return c.ended(ctx, j, s)
			}
		}
		select {
		case <-waiting.Done():
			return c.cut(ctx, j, context.Cause(waiting))
		case <-time.After(look / 2):
		}
	}
}

// over says that a run has come to its end.
func over(s Status) bool {
	return s.Active != "activating" && s.Active != "deactivating" && s.PID == 0
}

func (c *client) ended(ctx context.Context, j *job, s Status) (r RunResult, err error) {
	p, err := c.typeProperties(ctx, j.unit)
	if err != nil {
		return RunResult{Status: s}, err
	}
	known := func(name string) uint64 {
		if v := property[uint64](p, name); v != ^uint64(0) {
			return v
		}
		return 0
	}
	r.Usage = Usage{CPU: time.Duration(known("CPUUsageNSec")), MemoryPeak: known("MemoryPeak"), IORead: known("IOReadBytes"), IOWritten: known("IOWriteBytes")}
	if from, to := p.when("ExecMainStartTimestamp"), p.when("ExecMainExitTimestamp"); to.After(from) {
		r.Usage.Took = to.Sub(from)
	}
	if s.Outcome == Running { // "exited": kept for us
		s.Outcome = Finished
	}
	if r.Status = s; s.Outcome == Finished {
		return r, nil
	}
	c.explain(ctx, &r.Status, j.began)
	return r, &StartError{"run", r.Status, nil}
}

// cut is a run whose end was not waited for.
func (c *client) cut(ctx context.Context, j *job, cause error) (r RunResult, err error) {
	if r.Status, err = c.status(ctx, j.unit); err != nil {
		r.Status = Status{Unit: j.unit}
	}
	r.Status.Outcome = Starting
	if r.Status.PID != 0 {
		r.Status.Outcome, r.Status.Problem = Running, "and was stopped"
	}
	c.explain(ctx, &r.Status, j.began)
	return r, &StartError{"run", r.Status, cause}
}

// discard stops a transient unit and has systemd forget it.
func (c *client) discard(ctx context.Context, name string) error {
	err := c.call(ctx, "stop "+name, func(conn *sd.Conn) error {
		done := make(chan string, 1)
		if _, err := conn.StopUnitContext(ctx, name, "replace", done); err != nil {
			return err
		}
		select {
		case <-done:
		case <-ctx.Done():
		}
		// A unit that failed is kept until this; one that did not is gone already.
		if err := conn.ResetFailedUnitContext(ctx, name); broken(err) {
			return err
		}
		return nil
	})
	var answer dbus.Error
	if errors.As(err, &answer) || err != nil && strings.Contains(err.Error(), "not loaded") {
		return nil
	}
	return err
}

// streams are the pipes between us and a transient service.
type streams struct {
	properties []sd.Property
	theirs     []*os.File
	ours       []*os.File
	outputs    sync.WaitGroup
	mu         sync.Mutex
	errs       []error
}

func (t Transient) streams() (s *streams, err error) {
	s = &streams{}
	add := func(name string, end *os.File) {
		s.theirs = append(s.theirs, end)
		s.properties = append(s.properties, one(name+"FileDescriptor", dbus.UnixFD(end.Fd()))...)
	}
	carry := func(dst io.Writer, src io.Reader, ours *os.File, input bool) {
		s.ours = append(s.ours, ours)
		if input {
			go func() { // a service need not read all its input, and ours may never end
				_, _ = io.Copy(dst, src)
				_ = ours.Close()
			}()
			return
		}
		s.outputs.Go(func() {
			_, err := io.Copy(dst, src)
			if err = errors.Join(err, ours.Close()); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				s.mu.Lock()
				s.errs = append(s.errs, fmt.Errorf("unit: copy the output: %w", err))
				s.mu.Unlock()
			}
		})
	}
	for _, o := range []struct {
		name string
		to   io.Writer
	}{{"StandardOutput", t.Stdout}, {"StandardError", t.Stderr}} {
		if o.to == nil {
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			return s, errors.Join(fmt.Errorf("unit: %w", err), s.close())
		}
		add(o.name, w)
		carry(o.to, r, r, false)
	}
	if t.Stdin != nil {
		r, w, err := os.Pipe()
		if err != nil {
			return s, errors.Join(fmt.Errorf("unit: %w", err), s.close())
		}
		add("StandardInput", r)
		carry(w, t.Stdin, w, true)
	}
	return s, nil
}

// given closes what systemd has got.
func (s *streams) given() {
	for _, f := range s.theirs {
		_ = f.Close()
	}
	s.theirs = nil
}

func (s *streams) close() error {
	s.given()
	return s.wait()
}

// wait waits for the last of the output, so that nothing is written to the
// caller's writers any more. A process that was left behind may hold a pipe for
// ever; the service is over, and so is its output.
func (s *streams) wait() error {
	over := time.AfterFunc(outputAfter, func() {
		for _, f := range s.ours {
			_ = f.SetDeadline(time.Now())
		}
	})
	defer over.Stop()
	s.outputs.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}

// outputAfter is how long output is waited for when a service is over.
const outputAfter = 3 * time.Second
