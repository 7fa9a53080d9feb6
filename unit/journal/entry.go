package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Entry is one entry of the journal.
type Entry struct {
	// Cursor is its place; Query.After goes on behind it.
	Cursor string
	// Time is when the journal got it.
	Time time.Time
	// Boot is the ID of the boot that it is of.
	Boot string
	// Priority is its PRIORITY; Info where it has none.
	Priority Priority
	// Identifier is SYSLOG_IDENTIFIER, or the name of the process.
	Identifier string
	// Unit is the unit that it is about: that of the process, or the one that
	// systemd speaks of.
	Unit string
	// PID is the process; zero for none.
	PID int
	// Message is the text.
	Message string
	// Fields are all fields with their values, of which there may be several, and
	// which may be any bytes.
	Fields map[string][]string
}

// Field is a field's first value, "" if there is none.
func (e Entry) Field(name string) string {
	if v := e.Fields[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// JSON decodes a message that is a JSON object, as programs write that know of
// no fields. Numbers stay as they are written (json.Number).
func (e Entry) JSON() (map[string]any, error) {
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader([]byte(e.Message)))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("journal: the message %.60q is no JSON object: %w", e.Message, err)
	}
	if dec.More() || m == nil {
		return nil, fmt.Errorf("journal: the message %.60q is no JSON object", e.Message)
	}
	return m, nil
}

// String is the entry on one line, as journalctl -o short writes it but for the
// host's name. Further lines of the message are indented.
func (e Entry) String() string {
	who := e.Identifier
	if e.PID != 0 {
		who += "[" + strconv.Itoa(e.PID) + "]"
	}
	return e.Time.Format("Jan _2 15:04:05.000") + " " + who + ": " + string(bytes.ReplaceAll([]byte(e.Message), []byte("\n"), []byte("\n    ")))
}

// typed fills in what has a field of its own.
func (e *Entry) typed() {
	e.Cursor, e.Boot, e.Message = e.Field("__CURSOR"), e.Field("_BOOT_ID"), e.Field("MESSAGE")
	if usec, err := strconv.ParseInt(e.Field("__REALTIME_TIMESTAMP"), 10, 64); err == nil {
		e.Time = time.UnixMicro(usec)
	}
	e.Priority = Info
	if p, err := strconv.Atoi(e.Field("PRIORITY")); err == nil && p >= int(Emerg) && p <= int(Debug) {
		e.Priority = Priority(p)
	}
	e.Identifier = e.first("SYSLOG_IDENTIFIER", "_COMM")
	// What systemd says of a unit stands before what systemd itself is.
	e.Unit = e.first("UNIT", "USER_UNIT", "COREDUMP_UNIT", "OBJECT_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "_SYSTEMD_UNIT")
	if pid, err := strconv.Atoi(e.first("_PID", "SYSLOG_PID")); err == nil {
		e.PID = pid
	}
}

func (e *Entry) first(names ...string) string {
	for _, n := range names {
		if v := e.Field(n); v != "" {
			return v
		}
	}
	return ""
}
