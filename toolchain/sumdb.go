package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"golang.org/x/mod/sumdb"
)

// SecurityError is a checksum database that contradicts itself or what it said
// before: it was forked or rolled back, or somebody stands in between.
type SecurityError struct{ Message string }

func (e *SecurityError) Error() string {
	return "the checksum database misbehaves, nothing it says is to be trusted: " + strings.TrimSpace(e.Message)
}

// lookup asks the checksum database for the h1 hash of the toolchain module.
func (m ModuleProxy) lookup(ctx context.Context, version string) (string, error) {
	key, err := m.SumDB.VerifierKey()
	if err != nil {
		return "", err
	}
	if m.tiles == nil && m.Cache != "" {
		root, err := rootfs.Open(m.Cache)
		if err != nil {
			return "", err
		}
		defer root.Close()
		m.tiles = &tileCache{root, "."}
	}
	o := &sumOps{ctx: ctx, source: m, key: key, memory: map[string][]byte{}}
	lines, err := sumdb.NewClient(o).Lookup(moduleName, version)
	if o.security != nil {
		return "", o.security
	}
	if err != nil && strings.Contains(err.Error(), "inconsistent tile") {
		// What is there does not fit the tree that it signed, now or before. The
		// client says SecurityError only where the tiles fit both; it has no type for
		// this one (golang.org/x/mod/sumdb/tlog).
		return "", &SecurityError{err.Error()}
	}
	if err != nil && o.gone && strings.Contains(err.Error(), "checking tree#") {
		return "", &SecurityError{"it was rolled back, and lacks records that it signed before: " + err.Error()}
	}
	if err != nil {
		return "", err
	}
	for _, line := range lines {
		if h1, ok := strings.CutPrefix(line, moduleName+" "+version+" "); ok {
			return h1, nil
		}
	}
	return "", fmt.Errorf("its record has no hash of %s@%s", moduleName, version)
}

// sumOps is the file system and the network of a sumdb.Client.
type sumOps struct {
	ctx    context.Context //nolint:containedctx // the client's interface has no context; one sumOps serves one lookup
	source ModuleProxy
	key    string

	mu       sync.Mutex
	memory   map[string][]byte // in place of a cache directory
	base     string            // where the database answers, once known
	security error
	gone     bool // a tile was not there
}

// ReadRemote reads from the database through the first proxy that carries it,
// as the go command does, or from its own address.
func (o *sumOps) ReadRemote(name string) ([]byte, error) {
	base, err := o.address()
	if err != nil {
		return nil, err
	}
	b, err := read(o.ctx, o.source.web(), base+name, 8<<20)
	if strings.HasPrefix(name, "/tile/") && (notFound(err) || errors.Is(err, fs.ErrNotExist)) {
		o.mu.Lock()
		o.gone = true
		o.mu.Unlock()
	}
	return b, err
}

func (o *sumOps) address() (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.base != "" {
		return o.base, nil
	}
	db := o.source.SumDB
	name, _, _ := strings.Cut(o.key, "+")
	if db.URL == "" {
		for _, p := range o.source.Proxies {
			if p.URL == goenv.Direct || p.URL == goenv.Off {
				break
			}
			base := strings.TrimSuffix(p.URL, "/") + "/sumdb/" + name
			_, err := read(o.ctx, o.source.web(), base+"/supported", 64<<10)
			if err == nil {
				o.base = base
				return base, nil
			}
			if !p.Continues(notFound(err) || errors.Is(err, fs.ErrNotExist)) {
				return "", err
			}
		}
	}
	o.base = db.BaseURL()
	return o.base, nil
}

// ReadConfig gives the key, and the last signed tree that was seen.
func (o *sumOps) ReadConfig(file string) ([]byte, error) {
	if file == "key" {
		return []byte(o.key), nil
	}
	b, err := o.load("config/" + file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // "an empty config file" is how the client wants it
	}
	return b, err
}

// WriteConfig remembers a newer signed tree, unless another process was faster.
func (o *sumOps) WriteConfig(file string, old, new []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, err := o.loadLocked("config/" + file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(now, old) {
		return sumdb.ErrWriteConflict
	}
	return o.storeLocked("config/"+file, new)
}

// ReadCache reads a tile or a record that was verified before.
func (o *sumOps) ReadCache(file string) ([]byte, error) { return o.load("cache/" + file) }

// WriteCache keeps a tile or a record. Without it the next lookup is slower, no
// more, so a full disk is not this method's to report.
func (o *sumOps) WriteCache(file string, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.storeLocked("cache/"+file, data)
}

// Log has nobody to tell.
func (o *sumOps) Log(string) {}

// SecurityError keeps the proof of misbehaviour.
func (o *sumOps) SecurityError(msg string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.security = &SecurityError{msg}
}

func (o *sumOps) load(name string) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.loadLocked(name)
}

func (o *sumOps) loadLocked(name string) ([]byte, error) {
	if t := o.source.tiles; t != nil {
		return t.root.ReadFile(t.dir + "/" + name)
	}
	if b, ok := o.memory[name]; ok {
		return b, nil
	}
	return nil, fs.ErrNotExist
}

func (o *sumOps) storeLocked(name string, data []byte) error {
	t := o.source.tiles
	if t == nil {
		o.memory[name] = data
		return nil
	}
	name = t.dir + "/" + name
	if _, err := t.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	_, err := t.root.WriteFile(name, data, atomicfile.Options{})
	return err
}

// tileCache is where the database's tiles and its last signed tree are kept.
type tileCache struct {
	root *rootfs.Root
	dir  string
}

var _ sumdb.ClientOps = (*sumOps)(nil)
