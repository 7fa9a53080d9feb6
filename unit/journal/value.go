package journal

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// appendValue writes a resolved value as text; bytes as they are.
func appendValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return append(b, v.String()...)
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindFloat64:
		return strconv.AppendFloat(b, v.Float64(), 'g', -1, 64)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindDuration:
		return append(b, v.Duration().String()...)
	case slog.KindTime:
		return v.Time().AppendFormat(b, time.RFC3339Nano)
	}
	return appendAny(b, v.Any())
}

// appendAny writes what has a text of its own as that, and the rest as JSON. A
// value whose method panics must not end the program for being logged.
func appendAny(b []byte, a any) (out []byte) {
	start := len(b)
	defer func() {
		if r := recover(); r != nil {
			out = fmt.Appendf(b[:start], "!PANIC: %v", r)
		}
	}()
	switch a := a.(type) {
	case nil:
		return append(b, "null"...)
	case []byte:
		return append(b, a...)
	case error:
		return append(b, a.Error()...)
	case encoding.TextMarshaler:
		if text, err := a.MarshalText(); err == nil {
			return append(b, text...)
		}
	case fmt.Stringer:
		return append(b, a.String()...)
	}
	if text, err := json.Marshal(a); err == nil {
		return append(b, text...)
	}
	return fmt.Appendf(b, "%+v", a) // channels, functions
}
