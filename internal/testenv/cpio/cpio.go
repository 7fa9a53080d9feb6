// Package cpio writes the "newc" archive that the kernel unpacks as its first
// root file system (Documentation/driver-api/early-userspace/buffer-format.rst).
package cpio

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
)

// Unix mode bits of the entries that an initial root needs.
const (
	typeDirectory = 0o040000
	typeRegular   = 0o100000
	typeSymlink   = 0o120000
	typeCharacter = 0o020000
)

// Writer writes an archive. Its first error sticks, and Close returns it.
type Writer struct {
	w   *bufio.Writer
	ino int
	n   int
	err error
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: bufio.NewWriterSize(w, 1<<20)} }

// Directory adds a directory; parents come first.
func (w *Writer) Directory(name string, perm fs.FileMode) {
	w.entry(name, typeDirectory|uint32(perm.Perm()), 0, 0, nil)
}

// File adds a regular file.
func (w *Writer) File(name string, perm fs.FileMode, data []byte) {
	w.entry(name, typeRegular|uint32(perm.Perm()), 0, 0, data)
}

// Symlink adds a symlink.
func (w *Writer) Symlink(name, target string) {
	w.entry(name, typeSymlink|0o777, 0, 0, []byte(target))
}

// Character adds a character device.
func (w *Writer) Character(name string, perm fs.FileMode, major, minor int) {
	w.entry(name, typeCharacter|uint32(perm.Perm()), major, minor, nil)
}

// Close ends the archive and flushes it; the writer below stays open.
func (w *Writer) Close() error {
	w.entry("TRAILER!!!", 0, 0, 0, nil)
	w.pad(512)
	if w.err == nil {
		w.err = w.w.Flush()
	}
	return w.err
}

func (w *Writer) entry(name string, mode uint32, major, minor int, data []byte) {
	w.ino++
	w.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		w.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0))
	w.write(append([]byte(name), 0))
	w.pad(4)
	w.write(data)
	w.pad(4)
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
		w.n += len(b)
	}
}

func (w *Writer) pad(to int) {
	if rest := w.n % to; rest != 0 {
		w.write(make([]byte, to-rest))
	}
}
