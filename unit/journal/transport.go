package journal

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bedplate/bedplate/unit/journal/internal/memfd"
)

var errNoJournal = errors.New("journal: there is no journal")

// datagram is one record as it is sent. It is reused, with the function that the
// runtime calls with the socket, so that a record allocates nothing.
type datagram struct {
	bytes []byte
	err   error
	once  func(fd uintptr) bool // sends, or sees that there is no room
	until func(fd uintptr) bool // has the runtime wait for room
}

// full says that the socket took nothing, for want of room.
func full(err error) bool {
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, os.ErrDeadlineExceeded)
}

// reusable is the most that is kept for the next record.
const reusable = 16 << 10

var datagrams = sync.Pool{New: func() any {
	d := &datagram{bytes: make([]byte, 0, 1<<10)}
	d.once = func(fd uintptr) bool {
		for {
			if _, d.err = syscall.Write(int(fd), d.bytes); d.err != syscall.EINTR {
				return true
			}
		}
	}
	d.until = func(fd uintptr) bool { return d.once(fd) && d.err != syscall.EAGAIN }
	return d
}}

func (d *datagram) release() {
	if cap(d.bytes) <= reusable {
		d.bytes = d.bytes[:0]
		datagrams.Put(d)
	}
}

// transport is the connection to journald, shared by a handler and those made
// from it.
type transport struct {
	socket  string
	timeout time.Duration

	conn  atomic.Pointer[connection]
	mu    sync.Mutex // of connecting
	turn  sync.Mutex // of waiting: the socket has one deadline
	stuck atomic.Bool
	lost  atomic.Uint64 // not reported yet
	total atomic.Uint64
}

type connection struct {
	unix *net.UnixConn
	raw  syscall.RawConn
}

func (t *transport) send(d *datagram) error {
	lost := t.lost.Swap(0)
	if lost > 0 {
		d.bytes = append(d.bytes, lostField+"="...)
		d.bytes = append(strconv.AppendUint(d.bytes, lost, 10), '\n')
	}
	err := t.deliver(d)
	if err == nil {
		t.stuck.Store(false)
		return nil
	}
	t.lost.Add(lost)
	if errors.Is(err, ErrLost) {
		t.lost.Add(1)
		t.total.Add(1)
	}
	return err
}

func (t *transport) deliver(d *datagram) error {
	began := time.Now()
	c, err := t.connected(nil)
	if err != nil {
		return err
	}
	err = c.send(d, false)
	if refused(err) { // journald's socket was made anew
		if c, err = t.connected(c); err != nil {
			return err
		}
		err = c.send(d, false)
	}
	if !full(err) {
		return t.verdict(err)
	}
	if t.stuck.Load() {
		return fmt.Errorf("journal: %w", ErrLost)
	}
	return t.wait(c, d, began.Add(t.timeout))
}

// wait sends as soon as there is room. The journal's queue is full: journald is
// busy, or hangs.
func (t *transport) wait(c *connection, d *datagram, deadline time.Time) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	if err := c.unix.SetWriteDeadline(deadline); err != nil {
		return t.verdict(err)
	}
	err := c.send(d, true)
	if err := c.unix.SetWriteDeadline(time.Time{}); err != nil {
		return t.verdict(err)
	}
	if full(err) {
		t.stuck.Store(true)
		return fmt.Errorf("journal: %w (%v)", ErrLost, t.timeout)
	}
	return t.verdict(err)
}

func (t *transport) verdict(err error) error {
	if err == nil {
		return nil
	}
	if refused(err) {
		return errNoJournal
	}
	return fmt.Errorf("journal: send to %s: %w", t.socket, err)
}

func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTCONN) || errors.Is(err, net.ErrClosed)
}

// connected gives the connection, or makes one in place of a broken one.
func (t *transport) connected(broken *connection) (*connection, error) {
	if c := t.conn.Load(); c != nil && c != broken {
		return c, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.conn.Load()
	if old != nil && old != broken {
		return old, nil
	}
	t.conn.Store(nil)
	if old != nil {
		old.unix.Close()
	}
	u, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: t.socket, Net: "unixgram"})
	if err != nil {
		return nil, errNoJournal
	}
	// Best effort: what does not fit goes through a file.
	_ = u.SetWriteBuffer(8 << 20)
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, u.Close())
	}
	c := &connection{u, raw}
	t.conn.Store(c)
	return c, nil
}

// send sends a record, in a file if it is too large for the socket. It waits for
// room, or says that there is none.
func (c *connection) send(d *datagram, wait bool) error {
	how := d.once
	if wait {
		how = d.until
	}
	if err := c.raw.Write(how); err != nil {
		return err
	}
	if d.err == syscall.EMSGSIZE || d.err == syscall.ENOBUFS {
		return c.large(d, wait)
	}
	return d.err
}

// large hands over a sealed file in memory in place of the bytes.
func (c *connection) large(d *datagram, wait bool) error {
	f, err := memfd.Sealed("journal-record", d.bytes)
	if err != nil {
		return err
	}
	defer f.Close()
	var sent error
	rights := syscall.UnixRights(int(f.Fd()))
	err = c.raw.Write(func(fd uintptr) bool {
		sent = syscall.Sendmsg(int(fd), nil, rights, nil, syscall.MSG_DONTWAIT)
		return !wait || sent != syscall.EAGAIN
	})
	if err != nil {
		return err
	}
	return sent
}
