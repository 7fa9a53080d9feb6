package journal

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"strings"
)

// longestField is what journald takes of a field's name (journal_field_valid).
const longestField = 64

// appendField writes the name of the field for a path of groups and a key, as
// journald takes it: upper case letters, digits and underscores, beginning with
// a letter.
func appendField(b []byte, prefix, key string) []byte {
	start := len(b)
	b = appendPart(append(b, prefix...), key)
	if len(b)-start > longestField {
		b = shorten(b, start)
	}
	if reserved(b[start:]) {
		b = append(b[:start], append([]byte("ATTR_"), b[start:]...)...)
	}
	return b
}

// appendPart writes one part of a name, behind those before it.
func appendPart(b []byte, part string) []byte {
	if len(b) == 0 || b[len(b)-1] == '\n' { // the first
		part = strings.TrimLeft(part, "_") // journald keeps those for itself, and drops ours
		if part == "" || !letter(part[0]) {
			b = append(b, "X_"...)
		}
	}
	for _, r := range part {
		switch {
		case r >= 'a' && r <= 'z':
			b = append(b, byte(r)-'a'+'A')
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			b = append(b, byte(r))
		default:
			b = append(b, '_')
		}
	}
	return b
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// shorten keeps long names apart by a hash of the whole.
func shorten(b []byte, start int) []byte {
	h := fnv.New32a()
	h.Write(b[start:])
	b = append(b[:start+longestField-9], '_')
	const digits = "0123456789ABCDEF"
	for sum, i := h.Sum32(), 28; i >= 0; i -= 4 {
		b = append(b, digits[sum>>i&15])
	}
	return b
}

// reserved fields are those that the journal or a Handler gives a meaning to; an
// attribute of that name must not pass for it. MESSAGE_ID and ERRNO are for
// programs to set.
func reserved(name []byte) bool {
	switch string(name) {
	case "MESSAGE", "PRIORITY", "CODE_FILE", "CODE_LINE", "CODE_FUNC", "OBJECT_PID", lostField,
		"SYSLOG_IDENTIFIER", "SYSLOG_FACILITY", "SYSLOG_PID", "SYSLOG_TIMESTAMP", "SYSLOG_RAW":
		return true
	}
	return false
}

// appendText writes a field. A value with a newline is framed by its length.
func appendText(b []byte, name, value string) []byte {
	b = append(b, name...)
	mark := len(b)
	b = append(b, '=')
	b = append(b, value...)
	return finish(b, mark)
}

// finish ends a field whose value was appended behind "NAME=". mark is where the
// name ends. What holds a newline is framed again.
func finish(b []byte, mark int) []byte {
	if value := b[mark+1:]; bytes.IndexByte(value, '\n') >= 0 {
		n := len(value)
		var frame [8]byte
		b = append(b, frame[:]...) // makes the room
		copy(b[mark+9:], b[mark+1:mark+1+n])
		b[mark] = '\n'
		binary.LittleEndian.PutUint64(b[mark+1:], uint64(n))
	}
	return append(b, '\n')
}
