package verify

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// Format is a form of report, by a name fit for a command's flag.
type Format string

// The formats.
const (
	FormatText       Format = "text" // with colour on a terminal
	FormatJSON       Format = "json"
	FormatJUnit      Format = "junit"
	FormatTAP        Format = "tap"
	FormatPrometheus Format = "prometheus"
	FormatNagios     Format = "nagios"
)

// Formats are all of them.
func Formats() []Format {
	return []Format{FormatText, FormatJSON, FormatJUnit, FormatTAP, FormatPrometheus, FormatNagios}
}

// Write prints the report in a format. name is what is verified, for the formats
// that say so (JUnit's suite, Nagios' service).
func (r Report) Write(w io.Writer, f Format, name string) error {
	switch f {
	case FormatText:
		return r.WriteText(w, TextOptions{Colour: Terminal(w)})
	case FormatJSON:
		return r.WriteJSON(w)
	case FormatJUnit:
		return r.WriteJUnit(w, name)
	case FormatTAP:
		return r.WriteTAP(w)
	case FormatPrometheus:
		return r.WritePrometheus(w)
	case FormatNagios:
		return r.WriteNagios(w, name)
	}
	all := make([]string, 0, len(Formats()))
	for _, known := range Formats() {
		all = append(all, string(known))
	}
	return fmt.Errorf("verify: there is no report format %q; there are %s", f, strings.Join(all, ", "))
}

// WriteFile writes the report into a file, readable by everybody, at once: a
// reader sees the old report or the new, and keeps the old one if the disk is
// full.
func (r Report) WriteFile(path string, f Format, name string) error {
	var b bytes.Buffer
	if err := r.Write(&b, f, name); err != nil {
		return err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	root, err := rootfs.Open("")
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer root.Close()
	if _, err := root.WriteFile(path, b.Bytes(), atomicfile.Options{Mode: 0o644}); err != nil {
		return fmt.Errorf("verify: the report was not written: %w", err)
	}
	return nil
}
