package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"text/template"
)

// Source is where a File's content comes from. FromHost, FromFS and FromTemplate
// are the usual ones.
type Source interface {
	// Open opens the content and says how many bytes it has. It is called for
	// each comparison and each write, so it gives the same each time.
	Open() (io.ReadSeekCloser, int64, error)
}

// FromHost is a file of this machine, wherever the Root is: a binary that was
// built here, for one.
func FromHost(path string) Source { return hostSource(path) }

type hostSource string

func (s hostSource) Open() (io.ReadSeekCloser, int64, error) {
	f, err := os.OpenFile(string(s), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a fifo would wait for a writer
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", string(s))
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// FromFS is a file of a file system such as an embed.FS.
func FromFS(fsys fs.FS, name string) Source { return fsSource{fsys, name} }

type fsSource struct {
	fsys fs.FS
	name string
}

func (s fsSource) Open() (io.ReadSeekCloser, int64, error) {
	b, err := fs.ReadFile(s.fsys, s.name)
	return inline(b), int64(len(b)), err
}

// FromTemplate is what a template makes of data. The template should fail on
// unknown keys (its option missingkey=error), or a misspelt one becomes
// "<no value>".
func FromTemplate(t *template.Template, data any) Source { return templateSource{t, data} }

type templateSource struct {
	t    *template.Template
	data any
}

func (s templateSource) Open() (io.ReadSeekCloser, int64, error) {
	var b bytes.Buffer
	err := s.t.Execute(&b, s.data)
	return inline(b.Bytes()), int64(b.Len()), err
}

type inlined struct{ *bytes.Reader }

func inline(b []byte) io.ReadSeekCloser { return inlined{bytes.NewReader(b)} }
func (inlined) Close() error            { return nil }
