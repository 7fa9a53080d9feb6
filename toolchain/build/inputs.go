package build

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// directory is where a file that comes or goes changes what is built.
type directory struct {
	Path string `json:"path"`
	// Everything counts below an embedding, hidden files and directories too;
	// elsewhere what the go command may compile.
	Everything bool     `json:"everything,omitempty"`
	Names      []string `json:"names"`
}

// hidden are the files that a build itself makes: they are none of its inputs.
func hidden(output string) []string { return []string{output, receiptPath(output)} }

// inputs says which input changed.
func (r *receipt) inputs(ctx context.Context, hidden []string) (string, error) {
	for _, d := range r.Directories {
		names, err := candidates(d.Path, d.Everything, hidden)
		if errors.Is(err, fs.ErrNotExist) {
			return d.Path + " is gone", nil
		}
		if err != nil {
			return "", fmt.Errorf("build: %w", err)
		}
		if !slices.Equal(names, d.Names) {
			return "files came or went in " + d.Path, nil
		}
	}
	for _, f := range r.Files {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if reason, err := f.reason(); err != nil {
			return "", fmt.Errorf("build: %w", err)
		} else if reason != "" {
			return reason, nil
		}
	}
	return "", nil
}

// candidates are the names in a directory that a build may take.
func candidates(dir string, everything bool, hidden []string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		n := e.Name()
		compiled := !e.IsDir() && !strings.HasPrefix(n, ".") && !strings.HasSuffix(n, "_test.go")
		if (everything || compiled) && !slices.Contains(hidden, filepath.Join(dir, n)) {
			names = append(names, n)
		}
	}
	return names, err
}

// listed is the part of `go list -json` that says what goes into a build. Files
// that a build constraint leaves out are in it: an edit may let them in.
type listed struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, GoMod string
		Replace              *struct{ Path, Version string }
	}
	EmbedFiles, GoFiles, CgoFiles, CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles []string
	SwigFiles, SwigCXXFiles, SysoFiles, IgnoredGoFiles, IgnoredOtherFiles           []string
}

const listFields = "Dir,Standard,Module,EmbedFiles,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles," +
	"SwigFiles,SwigCXXFiles,SysoFiles,IgnoredGoFiles,IgnoredOtherFiles"

// inputs collects what a build takes.
type inputs struct {
	modules     map[string]bool
	directories map[string]bool // whether everything in it counts
	files       map[string]bool
}

// collect records the inputs from go list's output. tools are files of the C
// compiler, mod is the main module's go.mod, cache the module cache, whose files
// never change.
func (r *receipt) collect(list []byte, tools []string, mod, cache string, hidden []string) error {
	in := inputs{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	in.module(mod)
	for _, t := range tools {
		in.files[t] = true
	}
	for dec := json.NewDecoder(bytes.NewReader(list)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			return err
		}
		in.add(p, cache)
	}
	for _, name := range hidden {
		if in.files[name] {
			return fmt.Errorf("%s is the output, and the package embeds or compiles it; put the output elsewhere", name)
		}
	}
	r.Modules = slices.Sorted(maps.Keys(in.modules))
	for d, everything := range in.directories {
		names, err := candidates(d, everything, hidden)
		if err != nil {
			return err
		}
		r.Directories = append(r.Directories, directory{d, everything, names})
	}
	slices.SortFunc(r.Directories, func(a, b directory) int { return cmp.Compare(a.Path, b.Path) })
	for _, name := range slices.Sorted(maps.Keys(in.files)) {
		f, err := record(name)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, f)
	}
	r.Key = r.key()
	return nil
}

// module adds the files of the main module that decide on the others. They
// count even while they are not there.
func (in inputs) module(mod string) {
	dir := filepath.Dir(mod)
	for _, name := range []string{mod, filepath.Join(dir, "go.sum"), filepath.Join(dir, "vendor", "modules.txt")} {
		in.files[name] = true
	}
}

func (in inputs) add(p listed, cache string) {
	if p.Standard {
		return
	}
	if m := p.Module; m != nil {
		name := strings.TrimSpace(m.Path + " " + m.Version)
		if m.Replace != nil {
			name += " => " + strings.TrimSpace(m.Replace.Path+" "+m.Replace.Version)
		}
		in.modules[name] = true
		if below(p.Dir, cache) {
			return
		}
		if m.GoMod != "" && !below(m.GoMod, cache) {
			in.files[m.GoMod] = true
		}
	}
	in.directories[p.Dir] = in.directories[p.Dir] || len(p.EmbedFiles) > 0
	for _, names := range [][]string{
		p.EmbedFiles, p.GoFiles, p.CgoFiles, p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles,
		p.SwigFiles, p.SwigCXXFiles, p.SysoFiles, p.IgnoredGoFiles, p.IgnoredOtherFiles,
	} {
		for _, n := range names {
			in.files[filepath.Join(p.Dir, n)] = true
		}
	}
	for _, n := range p.EmbedFiles {
		for d := path.Dir(filepath.ToSlash(n)); d != "."; d = path.Dir(d) {
			in.directories[filepath.Join(p.Dir, filepath.FromSlash(d))] = true
		}
	}
}

func below(name, dir string) bool {
	return dir != "" && strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}
