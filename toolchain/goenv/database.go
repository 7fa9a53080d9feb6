package goenv

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/tlog"
)

// UnvouchedError is a module whose content nobody vouches for.
type UnvouchedError struct {
	Module string // path@version
	Why    string
}

func (e *UnvouchedError) Error() string { return "goenv: " + e.Module + ": " + e.Why }

// records is what a directory has of a checksum database, as the file system of
// a sumdb.Client. All lookups in it are of one signed tree, so that they can be
// proven in any order with the same tiles.
type records struct {
	dir    *os.Root // holds sumdb/NAME
	db     SumDB
	remote func(name string) ([]byte, error) // nil: there is no network

	mu       sync.Mutex
	security error
}

func (r *records) place(file string) string { return "sumdb/" + file }

// ReadRemote asks the database itself.
func (r *records) ReadRemote(name string) ([]byte, error) {
	if r.remote == nil {
		return nil, fmt.Errorf("the bundle lacks %s of %s", name, r.db.name())
	}
	return r.remote(name)
}

// ReadConfig gives the key, and the signed tree that everything is proven by.
func (r *records) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		key, err := r.db.VerifierKey()
		return []byte(key), err
	}
	return r.dir.ReadFile(r.place(file))
}

// WriteConfig refuses another tree than the one that was chosen.
func (r *records) WriteConfig(string, []byte, []byte) error {
	return errors.New("the records are of more than one tree")
}

// ReadCache reads a record or a tile.
func (r *records) ReadCache(file string) ([]byte, error) { return r.dir.ReadFile(r.place(file)) }

// WriteCache keeps a tile that was fetched. One that could not be kept is missed
// when everything is proven again without the network.
func (r *records) WriteCache(file string, data []byte) {
	_ = writeBelow(r.dir, r.place(file), data)
}

// Log has nobody to tell.
func (r *records) Log(string) {}

// SecurityError keeps the proof that the database contradicts itself.
func (r *records) SecurityError(msg string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.security = errors.New("the checksum database misbehaves: " + strings.TrimSpace(msg))
}

var _ sumdb.ClientOps = (*records)(nil)

func writeBelow(dir *os.Root, name string, data []byte) error {
	if err := dir.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	return dir.WriteFile(name, data, 0o644)
}

// collect fetches the records of modules and the tiles that prove them.
func (r *records) collect(ctx context.Context, c *http.Client, m Modules, versions []module.Version) error {
	base, _, err := m.databaseBase(ctx, c)
	if err != nil {
		return fmt.Errorf("goenv: checksum database: %s", explain(err))
	}
	r.remote = func(name string) ([]byte, error) { return fetch(ctx, c, base, name, 8<<20) }
	signed, err := r.remote("/latest")
	if err != nil {
		return fmt.Errorf("goenv: checksum database: %s", explain(err))
	}
	tree, err := openTree(signed, m.SumDB)
	if err != nil {
		return fmt.Errorf("goenv: checksum database: %w", err)
	}
	name := r.db.name()
	for _, v := range versions {
		place, err := lookupName(v)
		if err != nil {
			return err
		}
		answer, err := r.remote(place)
		if err != nil {
			return &UnvouchedError{v.String(), "the checksum database has no record of it (" + explain(err) + "); if it is private, say so in GOPRIVATE"}
		}
		id, text, own, err := tlog.ParseRecord(answer)
		if err != nil {
			return fmt.Errorf("goenv: checksum database: record of %s: %w", v, err)
		}
		if id >= tree.N { // it came after the tree that was fetched
			if tree, err = openTree(own, m.SumDB); err != nil {
				return fmt.Errorf("goenv: checksum database: record of %s: %w", v, err)
			}
			if signed = own; id >= tree.N {
				return &UnvouchedError{v.String(), "its record is not in the database's signed tree"}
			}
		}
		record, err := tlog.FormatRecord(id, text)
		if err != nil {
			return fmt.Errorf("goenv: checksum database: record of %s: %w", v, err)
		}
		if err := writeBelow(r.dir, r.place(name+place), record); err != nil {
			return fmt.Errorf("goenv: %w", err)
		}
	}
	for _, v := range versions { // every record gets the one tree
		place, err := lookupName(v)
		if err != nil {
			return err
		}
		record, err := r.dir.ReadFile(r.place(name + place))
		if err == nil {
			err = r.dir.WriteFile(r.place(name+place), append(record, signed...), 0o644)
		}
		if err != nil {
			return fmt.Errorf("goenv: %w", err)
		}
	}
	return errors.Join(writeBelow(r.dir, r.place(name+"/latest"), signed), writeBelow(r.dir, r.place(name+"/supported"), nil))
}

func lookupName(v module.Version) (string, error) {
	p, err := module.EscapePath(v.Path)
	if err != nil {
		return "", fmt.Errorf("goenv: %w", err)
	}
	version, err := module.EscapeVersion(v.Version)
	return "/lookup/" + p + "@" + version, err
}

// prove compares every module in the directory with its record, and each record
// with the signed tree.
func (r *records) prove(ctx context.Context, versions []module.Version) error {
	client := sumdb.NewClient(r)
	for _, v := range versions {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("goenv: %w", err)
		}
		for suffix, hash := range map[string]func(*os.Root, module.Version) (string, error){"": zipHash, "/go.mod": modHash} {
			got, err := hash(r.dir, v)
			if errors.Is(err, fs.ErrNotExist) {
				continue // of many modules only go.mod is needed
			}
			if err != nil {
				return fmt.Errorf("goenv: %s: %w", v, err)
			}
			lines, err := client.Lookup(v.Path, v.Version+suffix)
			if r.security != nil {
				return fmt.Errorf("goenv: %w", r.security)
			}
			if err != nil {
				return &UnvouchedError{v.String(), "its record proves nothing: " + err.Error()}
			}
			if want := v.Path + " " + v.Version + suffix + " " + got; !slices.Contains(lines, want) {
				return &UnvouchedError{v.String(), fmt.Sprintf("it was changed: it has %s, and %s vouches for %q", got, r.db.name(), lines)}
			}
		}
	}
	return nil
}

// moduleFile is the place of a module's file in a cache or proxy.
func moduleFile(v module.Version, ext string) (string, error) {
	p, err := module.EscapePath(v.Path)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(v.Version)
	return p + "/@v/" + version + ext, err
}

func openModuleFile(dir *os.Root, v module.Version, ext string) (*os.File, error) {
	name, err := moduleFile(v, ext)
	if err != nil {
		return nil, err
	}
	return dir.Open(name)
}

// modHash is the h1 hash of a go.mod, which stands in a proxy as VERSION.mod.
func modHash(dir *os.Root, v module.Version) (string, error) {
	f, err := openModuleFile(dir, v, ".mod")
	if err != nil {
		return "", err
	}
	return dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return f, nil })
}

func zipHash(dir *os.Root, v module.Version) (string, error) {
	f, err := openModuleFile(dir, v, ".zip")
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return "", err
	}
	files := make(map[string]*zip.File, len(z.File))
	var names []string
	for _, e := range z.File {
		if files[e.Name] != nil {
			return "", fmt.Errorf("its zip has %q twice", e.Name)
		}
		files[e.Name] = e
		names = append(names, e.Name)
	}
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) { return files[name].Open() })
}
