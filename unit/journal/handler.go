package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HandlerOptions are a Handler's options; the zero value and nil are good ones.
type HandlerOptions struct {
	// Level is the least level that is written. Nil: slog.LevelInfo.
	Level slog.Leveler
	// AddSource writes where the call stands: CODE_FILE, CODE_LINE, CODE_FUNC.
	AddSource bool
	// ReplaceAttr is called for each attribute that is not a group, as by the
	// handlers of slog; for the message, level and time it is not.
	ReplaceAttr func(groups []string, a slog.Attr) slog.Attr
	// Identifier is SYSLOG_IDENTIFIER, what journalctl -t asks for. "": the
	// program's name.
	Identifier string
	// Prefix comes before the name of every attribute's field, to tell them from
	// others': "APP_". "": none.
	Prefix string
	// Timeout is how long a record may wait while the journal takes none. Zero:
	// 100 ms. Once one has waited in vain, those that follow don't wait until
	// one gets through.
	Timeout time.Duration
	// Fallback takes records where there is no journal. Nil: JSON lines on stderr.
	Fallback slog.Handler
	// Socket is journald's. "": /run/systemd/journal/socket.
	Socket string
}

const (
	defaultTimeout = 100 * time.Millisecond
	defaultSocket  = "/run/systemd/journal/socket"
	lostField      = "LOST_RECORDS"
)

// ErrLost is matched where a record did not reach the journal in time. The next
// record that does says in LOST_RECORDS= how many were lost.
var ErrLost = errors.New("the journal took no record in time")

// Handler is a slog.Handler that writes to the journal.
type Handler struct {
	out      *transport
	level    slog.Leveler
	replace  func([]string, slog.Attr) slog.Attr
	source   bool
	groups   []string
	prefix   string // of a field's name: the groups, flattened
	head     []byte // the identifier and the attributes of WithAttrs, as sent
	fallback slog.Handler
}

// NewHandler makes a handler. Without a journal it is one all the same: its
// records go to the fallback until there is a journal.
func NewHandler(o *HandlerOptions) (*Handler, error) {
	if o == nil {
		o = &HandlerOptions{}
	}
	h := &Handler{level: o.Level, replace: o.ReplaceAttr, source: o.AddSource, prefix: o.Prefix, fallback: o.Fallback}
	if h.level == nil {
		h.level = slog.LevelInfo
	}
	if h.fallback == nil {
		h.fallback = slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.Level, AddSource: o.AddSource, ReplaceAttr: o.ReplaceAttr})
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	identifier := o.Identifier
	if identifier == "" {
		identifier = filepath.Base(os.Args[0])
	}
	socket := o.Socket
	if socket == "" {
		socket = defaultSocket
	}
	var errs []error
	if timeout < 0 {
		errs = append(errs, fmt.Errorf("journal: Timeout=%v is negative; 1 ns is as good as none", timeout))
	}
	if strings.ContainsFunc(identifier, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		errs = append(errs, fmt.Errorf("journal: Identifier=%q holds a control character", identifier))
	}
	if p := appendField(nil, "", o.Prefix); o.Prefix != "" && (string(p) != o.Prefix || len(p) > longestField/2) {
		errs = append(errs, fmt.Errorf("journal: Prefix=%q; upper case letters, digits and underscores, a letter first, at most %d", o.Prefix, longestField/2))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	h.head = appendText(nil, "SYSLOG_IDENTIFIER", identifier)
	h.out = &transport{socket: socket, timeout: timeout}
	return h, nil
}

// Enabled says whether a level is written.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle writes a record.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	d := datagrams.Get().(*datagram)
	defer d.release()
	d.bytes = h.append(d.bytes, r)
	err := h.out.send(d)
	if errors.Is(err, errNoJournal) {
		return h.fallback.Handle(ctx, r)
	}
	return err
}

// Lost is how many records did not reach the journal in time, by this handler
// and those made from it.
func (h *Handler) Lost() uint64 { return h.out.total.Load() }

func (h *Handler) append(b []byte, r slog.Record) []byte {
	b = append(b, "PRIORITY="...)
	b = append(b, byte('0'+PriorityOf(r.Level)), '\n')
	b = appendText(b, "MESSAGE", r.Message)
	b = append(b, h.head...)
	if h.source && r.PC != 0 {
		f, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
		b = appendText(b, "CODE_FILE", f.File)
		b = append(b, "CODE_LINE="...)
		b = append(strconv.AppendInt(b, int64(f.Line), 10), '\n')
		b = appendText(b, "CODE_FUNC", f.Function)
	}
	if r.NumAttrs() > 0 {
		r.Attrs(func(a slog.Attr) bool {
			b = h.appendAttr(b, h.groups, h.prefix, a)
			return true
		})
	}
	return b
}

// appendAttr writes an attribute, and a group's one by one.
func (h *Handler) appendAttr(b []byte, groups []string, prefix string, a slog.Attr) []byte {
	a.Value = a.Value.Resolve()
	if h.replace != nil && a.Value.Kind() != slog.KindGroup {
		a = h.replace(groups, a)
		a.Value = a.Value.Resolve()
	}
	if a.Equal(slog.Attr{}) {
		return b
	}
	if a.Value.Kind() == slog.KindGroup {
		if a.Key != "" {
			groups, prefix = append(slices.Clip(groups), a.Key), below(prefix, a.Key)
		}
		for _, in := range a.Value.Group() {
			b = h.appendAttr(b, groups, prefix, in)
		}
		return b
	}
	b = appendField(b, prefix, a.Key)
	mark := len(b)
	b = append(b, '=')
	return finish(appendValue(b, a.Value), mark)
}

// below is the prefix of a group's fields. It is shortened with the whole name.
func below(prefix, group string) string {
	var room [128]byte
	b := append(room[:0], prefix...)
	b = appendPart(b, group)
	return string(append(b, '_'))
}

// WithAttrs is the handler with attributes that every record gets; they are
// written out once.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	c := *h
	c.head = slices.Clone(h.head)
	for _, a := range attrs {
		c.head = h.appendAttr(c.head, h.groups, h.prefix, a)
	}
	c.fallback = h.fallback.WithAttrs(attrs)
	return &c
}

// WithGroup is the handler whose further attributes lie in a group: its name
// comes before theirs.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.groups = append(slices.Clip(h.groups), name)
	c.prefix = below(h.prefix, name)
	c.fallback = h.fallback.WithGroup(name)
	return &c
}
