package layout

import (
	"archive/tar"
	"bufio"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// Contents are the files of a release before it is staged: a TreeFS or a Tar.
// They are read twice, once to find the release's id and once to copy them, and
// a difference between the two is an error.
type Contents interface {
	// each gives every entry, a directory before what is in it. The reader is a
	// file's, and ends with the call.
	each(visit func(f ManifestFile, content io.Reader) error) error
}

// TreeFS is all files of a file system, such as os.DirFS or an embed.FS. Of a
// file's mode only the execute bits matter.
func TreeFS(fsys fs.FS) Contents { return treeContents{fsys} }

type treeContents struct{ fs.FS }

func (c treeContents) each(visit func(ManifestFile, io.Reader) error) error {
	return fs.WalkDir(c.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := ManifestFile{Path: p, Kind: kindOf(info.Mode())}
		if err := plain(f, info.Mode()); err != nil {
			return err
		}
		switch f.Kind {
		case "symlink":
			if f.Target, err = fs.ReadLink(c.FS, p); err != nil {
				return err
			}
		case "file":
			f.Executable = info.Mode()&0o111 != 0
			r, err := c.FS.Open(p)
			if err != nil {
				return err
			}
			return errors.Join(visit(f, r), r.Close())
		}
		return visit(f, nil)
	})
}

// Tar is what is in a tar archive, compressed with gzip or not.
func Tar(r io.ReadSeeker) Contents { return tarContents{r} }

type tarContents struct{ io.ReadSeeker }

func (c tarContents) each(visit func(ManifestFile, io.Reader) error) error {
	if _, err := c.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(c.ReadSeeker, block)
	var archive io.Reader = r
	if magic, err := r.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		defer z.Close()
		archive = z
	}
	t := tar.NewReader(archive)
	seen := map[string]bool{".": true}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			// Reading on to the end checks the checksum of the compressed data.
			_, err := io.Copy(io.Discard, archive)
			return err
		}
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := tarEntry(h, t, seen, visit); err != nil {
			return err
		}
	}
}

func tarEntry(h *tar.Header, content io.Reader, seen map[string]bool, visit func(ManifestFile, io.Reader) error) error {
	p := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
	if h.Typeflag == tar.TypeDir && (p == "" || p == ".") {
		return nil
	}
	f := ManifestFile{Path: p, Executable: h.Typeflag == tar.TypeReg && h.Mode&0o111 != 0, Target: h.Linkname}
	switch h.Typeflag {
	case tar.TypeReg:
		f.Kind = "file"
	case tar.TypeDir:
		f.Kind = "directory"
	case tar.TypeSymlink:
		f.Kind = "symlink"
	case tar.TypeLink:
		return fmt.Errorf("%q is a hard link to %q; pack it as a file", h.Name, h.Linkname)
	default:
		return fmt.Errorf("%q is of type %q; files, symlinks and directories can be in a release", h.Name, h.Typeflag)
	}
	if !fs.ValidPath(p) {
		return fmt.Errorf("%q is not a plain path inside the release", h.Name)
	}
	if err := plain(f, h.FileInfo().Mode()); err != nil {
		return err
	}
	// Archives may leave directories out, and may name them again.
	var missing []string
	for up := path.Dir(p); !seen[up]; up = path.Dir(up) {
		missing = append(missing, up)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		seen[missing[i]] = true
		if err := visit(ManifestFile{Path: missing[i], Kind: "directory"}, nil); err != nil {
			return err
		}
	}
	if seen[p] && f.Kind == "directory" {
		return nil
	}
	seen[p] = true
	if f.Kind != "file" {
		content = nil
	}
	return visit(f, content)
}

func plain(f ManifestFile, mode fs.FileMode) error {
	if f.Kind == "file" && mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		return fmt.Errorf("%q is setuid or setgid, which a release can't be; clear the bit", f.Path)
	}
	return nil
}

// manifestOf reads everything once.
func manifestOf(ctx context.Context, c Contents, label string, build map[string]string) (Manifest, error) {
	m := Manifest{Label: label, Build: build}
	err := c.each(func(f ManifestFile, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if content != nil {
			counted := &counter{r: content}
			sum, err := digest(counted)
			if err != nil {
				return fmt.Errorf("%q: %w", f.Path, err)
			}
			f.SHA256, f.Size = sum, counted.n
		}
		m.Files = append(m.Files, f)
		return nil
	})
	if err != nil {
		return Manifest{}, err
	}
	m.sort()
	return m, m.check()
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// goBuild tells how a Go binary was made; "" for anything else.
func goBuild(r io.ReaderAt) string {
	info, err := buildinfo.Read(r)
	if err != nil {
		return ""
	}
	parts := []string{info.GoVersion, info.Main.Path + "@" + info.Main.Version}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" && s.Value == "true" {
			parts = append(parts, s.Key+"="+s.Value)
		}
	}
	return strings.Join(parts, " ")
}
