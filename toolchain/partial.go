package toolchain

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// downloadDir holds partial downloads, beside the versions.
const downloadDir = ".downloads"

// partial is a download that a later run goes on with. Its name is the
// artifact's, and the lock of the version guards it.
type partial struct {
	j     *surveyed
	path  string
	file  *os.File
	have  int64
	state string
}

// partName is the artifact's name and, where the source gave one, its digest:
// a later run must not go on with another object of the same name.
func partName(a Artifact) string {
	name := a.Name
	if digest := cmp.Or(a.SHA256, a.H1); digest != "" {
		sum := sha256.Sum256([]byte(digest))
		name += "." + hex.EncodeToString(sum[:8])
	}
	name = strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' {
			return '_'
		}
		return r
	}, name)
	if len(name) > 200 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	return name
}

func (j *surveyed) openPart(a Artifact) (*partial, error) {
	name := partName(a)
	if _, err := j.root.MkdirAll(path.Join(j.dir, downloadDir), 0o755); err != nil {
		return nil, err
	}
	if err := j.sweepParts(a.Name, name); err != nil {
		return nil, err
	}
	p := &partial{j: j, path: path.Join(j.dir, downloadDir, name)}
	var err error
	if p.file, err = j.root.OpenFile(p.path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	info, err := p.file.Stat()
	if err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	state, err := j.root.ReadFile(p.path + ".state")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, p.file.Close())
	}
	if len(state) > 0 { // without it there is no way to know what the bytes are of
		p.have, p.state = info.Size(), string(state)
	}
	return p, nil
}

// sweepParts removes what is left of other objects that had the artifact's name.
func (j *surveyed) sweepParts(artifact, except string) error {
	dir := path.Join(j.dir, downloadDir)
	entries, err := j.root.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".state")
		digest, ok := strings.CutPrefix(name, artifact+".")
		if name != except && ok && len(digest) == 16 {
			if err := j.root.Remove(path.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func (p *partial) remember(state string) error {
	f, err := p.j.root.OpenFile(p.path+".state", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(state)
	return errors.Join(err, f.Close())
}

func (p *partial) close() {
	// Its content is checked by digest, whenever it is used.
	_ = p.file.Close()
}

func (p *partial) remove() error {
	var errs []error
	for _, name := range []string{p.path, p.path + ".state"} {
		if err := p.j.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
