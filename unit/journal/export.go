package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// exported reads entries in the journal's export format
// (https://systemd.io/JOURNAL_EXPORT_FORMATS/): fields as in the native
// protocol, an empty line behind each entry.
type exported struct{ r *bufio.Reader }

// longestLine bounds what is read of a text field. What is longer comes with
// its size before it.
const longestLine = 64 << 20

// next reads one entry; io.EOF behind the last.
func (x exported) next() (Entry, error) {
	e := Entry{Fields: map[string][]string{}}
	for {
		line, err := x.line()
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0 && len(e.Fields) > 0:
			e.typed() // the last one's empty line is missing
			return e, nil
		case errors.Is(err, io.EOF) && len(line) == 0:
			return e, io.EOF
		case errors.Is(err, io.EOF):
			return e, fmt.Errorf("journal: the export ends within %.60q: %w", line, io.ErrUnexpectedEOF)
		case err != nil:
			return e, err
		case len(line) == 0 && len(e.Fields) == 0:
			continue
		case len(line) == 0:
			e.typed()
			return e, nil
		}
		name, value, text := bytes.Cut(line, []byte("="))
		if len(name) == 0 {
			return e, fmt.Errorf("journal: the export has a field without a name: %.60q", line)
		}
		field := string(name)
		if !text {
			if value, err = x.binary(); err != nil {
				return e, fmt.Errorf("journal: field %s: %w", field, err)
			}
		}
		e.Fields[field] = append(e.Fields[field], string(value))
	}
}

// line reads up to a newline, which is not part of it.
func (x exported) line() ([]byte, error) {
	var whole []byte
	for {
		part, err := x.r.ReadSlice('\n')
		switch {
		case err == nil && whole == nil:
			return part[:len(part)-1], nil
		case err == nil:
			return append(whole, part[:len(part)-1]...), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return append(whole, part...), err
		case len(whole) > longestLine:
			return nil, fmt.Errorf("journal: the export has a line of more than %d bytes", longestLine)
		}
		whole = append(whole, part...)
	}
}

// binary reads a value that has its size before it. The size is not trusted:
// memory is taken as the bytes come.
func (x exported) binary() ([]byte, error) {
	var frame [8]byte
	if _, err := io.ReadFull(x.r, frame[:]); err != nil {
		return nil, unexpected(err)
	}
	size := binary.LittleEndian.Uint64(frame[:])
	if size > 1<<40 {
		return nil, fmt.Errorf("a value of %d bytes is none that the journal can hold", size)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, x.r, int64(size)); err != nil {
		return nil, unexpected(err)
	}
	end, err := x.r.ReadByte()
	if err != nil {
		return nil, unexpected(err)
	}
	if end != '\n' {
		return nil, fmt.Errorf("a value of %d bytes does not end with a newline", size)
	}
	return b.Bytes(), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
