package goenv

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// A bundle is a tar archive whose first file is the manifest, and whose others
// are those of a module proxy: PATH/@v/VERSION.{info,mod,zip}, PATH/@v/list, and
// sumdb/NAME/... as the database's own addresses are. Unpacked it is what
// GOPROXY=file:///... takes.
const (
	manifestName   = "bundle.json"
	manifestFormat = 1
	maxManifest    = 64 << 20
)

// manifest says what a bundle holds.
type manifest struct {
	Format int `json:"format"`
	// SDK is the version of golang.org/toolchain that is in it; "" for none.
	SDK string `json:"sdk,omitempty"`
	// Database is who vouches, by its key.
	Database string `json:"database,omitempty"`
	// Modules are path@version. Private ones the database does not know.
	Modules []string       `json:"modules"`
	Private []string       `json:"private,omitempty"`
	Files   []manifestFile `json:"files"`
}

type manifestFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func parseManifest(b []byte) (m manifest, err error) {
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("its %s is damaged: %w", manifestName, err)
	}
	if m.Format != manifestFormat {
		return m, fmt.Errorf("its format is %d, this package reads %d", m.Format, manifestFormat)
	}
	last := ""
	for _, f := range m.Files {
		switch {
		case !fs.ValidPath(f.Path) || !filepath.IsLocal(f.Path) || f.Path == manifestName || strings.ContainsAny(f.Path, "\\\x00"):
			return m, fmt.Errorf("%q can't be the name of a file in it", f.Path)
		case f.Path <= last:
			return m, fmt.Errorf("its files are not in order at %q", f.Path)
		case f.Size < 0 || len(f.SHA256) != 64:
			return m, fmt.Errorf("%q has no size or no digest", f.Path)
		}
		last = f.Path
	}
	return m, nil
}

// versions gives those that the database has to vouch for. A list that leaves
// one out would leave it unproven, so the files decide.
func (m manifest) versions() (public []module.Version, err error) {
	var errs []error
	all := map[string]bool{}
	for _, f := range m.Files {
		v, ok, err := versionOf(f.Path)
		if errs = append(errs, err); !ok || err != nil {
			continue
		}
		if all[v.String()] {
			continue
		}
		all[v.String()] = true
		if !slices.Contains(m.Private, v.String()) {
			public = append(public, v)
		}
	}
	for _, name := range m.Modules {
		if !all[name] {
			errs = append(errs, fmt.Errorf("%s is listed, but has no file", name))
		}
	}
	return public, errors.Join(errs...)
}

// versionOf is the module of a .mod or .zip file.
func versionOf(name string) (v module.Version, ok bool, err error) {
	dir, base := path.Split(name)
	ext := path.Ext(base)
	escaped, isModule := strings.CutSuffix(dir, "/@v/")
	if strings.HasPrefix(name, "sumdb/") || !isModule || ext != ".mod" && ext != ".zip" {
		return v, false, nil
	}
	if v.Path, err = module.UnescapePath(escaped); err == nil {
		v.Version, err = module.UnescapeVersion(strings.TrimSuffix(base, ext))
	}
	if err != nil {
		return v, false, fmt.Errorf("%q is no module's file: %w", name, err)
	}
	return v, true, nil
}

// servable says whether a file of a cache's download directory is one that a
// proxy serves, rather than a lock or a leftover.
func servable(name string) bool {
	base := path.Base(name)
	ext := path.Ext(base)
	return strings.HasSuffix(path.Dir(name), "/@v") && (base == "list" || ext == ".info" || ext == ".mod" || ext == ".zip") || strings.HasPrefix(name, "sumdb/")
}

// survey lists the servable files below a directory, with their digests.
func survey(dir *os.Root) (files []manifestFile, err error) {
	err = fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !servable(name) {
			return err
		}
		f, err := dir.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		sum, size, err := digest(f)
		files = append(files, manifestFile{name, size, sum})
		return err
	})
	slices.SortFunc(files, func(a, b manifestFile) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}
