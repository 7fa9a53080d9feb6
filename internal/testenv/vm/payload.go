package vm

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bedplate/bedplate/internal/testenv/wire"
)

// Payload is what the host brings: files by their place below
// testenv.PayloadDir, and the manifest. A folder is taken whole.
type Payload struct {
	Files    map[string]string // place → path on the host
	Manifest wire.Manifest
}

// write makes a tar archive, which the agent reads straight from a disk.
func (p Payload) write(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	manifest, err := json.Marshal(p.Manifest)
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: wire.ManifestName, Mode: 0o644, Size: int64(len(manifest))}); err != nil {
		return err
	}
	if _, err := w.Write(manifest); err != nil {
		return err
	}
	places := make([]string, 0, len(p.Files))
	for place := range p.Files {
		places = append(places, place)
	}
	slices.Sort(places)
	for _, place := range places {
		if err := add(w, place, p.Files[place]); err != nil {
			return err
		}
	}
	return w.Close()
}

func add(w *tar.Writer, place, path string) error {
	return filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		info, err := os.Stat(p) // a link's content: the payload has no links
		if err != nil {
			return err
		}
		h := &tar.Header{Name: filepath.ToSlash(filepath.Join(place, rel)), Mode: int64(info.Mode().Perm()), Typeflag: tar.TypeReg, Size: info.Size()}
		if info.IsDir() {
			h.Typeflag, h.Size = tar.TypeDir, 0
			return w.WriteHeader(h)
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		return errors.Join(err, f.Close())
	})
}
