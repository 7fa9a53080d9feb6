package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
)

// receipt is what a build was made of. It lies beside the output.
type receipt struct {
	// Key is over everything below but the stamps.
	Key       string   `json:"key"`
	Go        string   `json:"go"`
	Arguments []string `json:"arguments"`
	Target    []string `json:"target"`
	Package   string   `json:"package"`
	// Modules are "path version"; their content is what go.sum says.
	Modules []string `json:"modules"`
	// Directories of the main module, with the names of all files in them that
	// could be part of a build: a new one changes what is built.
	Directories []directory `json:"directories"`
	Files       []file      `json:"files"`
	Output      file        `json:"output"`
}

type directory struct {
	Path  string   `json:"path"`
	Names []string `json:"names"`
}

// file is known by its digest; the stamp (size and times) spares reading it.
type file struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Stamp  int64  `json:"mtime_ns"`
}

func receiptPath(output string) string {
	return path.Join(path.Dir(output), "."+path.Base(output)+".build.json")
}

// goVersion reads the SDK's own word.
func goVersion(goroot string) (string, error) {
	b, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if err != nil {
		return "", fmt.Errorf("build: GOROOT: %w", err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return first, nil
}

// stale says why the output is not what a build now would give; "" if it is.
func (s Spec) stale(ctx context.Context, root *rootfs.Root, version string, output rootfs.Info) (string, error) {
	b, err := root.ReadFile(receiptPath(s.Output))
	if errors.Is(err, fs.ErrNotExist) {
		return "of unknown origin", nil
	}
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	var r receipt
	if err := json.Unmarshal(b, &r); err != nil {
		return "its receipt is damaged", nil
	}
	switch {
	case version != "" && r.Go != version:
		return "built by " + r.Go, nil
	case !slices.Equal(r.Arguments, s.arguments()) || !slices.Equal(r.Target, s.target()) || r.Package != s.pkg():
		return "built otherwise", nil
	case output.Mode.Perm() != s.mode():
		return fmt.Sprintf("mode %04o", output.Mode.Perm()), nil
	}
	if output.Size != r.Output.Size || output.ModTime.UnixNano() != r.Output.Stamp {
		f, err := root.Open(s.Output)
		if err != nil {
			return "", fmt.Errorf("build: %w", err)
		}
		defer f.Close()
		if sum, err := digest(f); err != nil {
			return "", fmt.Errorf("build: %w", err)
		} else if sum != r.Output.SHA256 {
			return "changed after it was built", nil
		}
	}
	return r.inputs(ctx)
}

// inputs says which input changed.
func (r *receipt) inputs(ctx context.Context) (string, error) {
	for _, d := range r.Directories {
		names, err := candidates(d.Path)
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
		info, err := os.Stat(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return f.Path + " is gone", nil
		}
		if err != nil {
			return "", fmt.Errorf("build: %w", err)
		}
		if info.Size() == f.Size && info.ModTime().UnixNano() == f.Stamp {
			continue
		}
		now, err := record(f.Path)
		if err != nil {
			return "", fmt.Errorf("build: %w", err)
		}
		if now.SHA256 != f.SHA256 {
			return f.Path + " changed", nil
		}
	}
	return "", nil
}

// candidates are the names in a directory that a build may take, tests excepted.
func candidates(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if n := e.Name(); !e.IsDir() && !strings.HasPrefix(n, ".") && !strings.HasSuffix(n, "_test.go") {
			names = append(names, n)
		}
	}
	return names, err
}

func record(name string) (file, error) {
	f, err := os.Open(name)
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return file{}, err
	}
	sum, err := digest(f)
	return file{name, sum, info.Size(), info.ModTime().UnixNano()}, err
}

func digest(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// listed is the part of `go list -json` that says what goes into a build.
type listed struct {
	Dir        string
	Standard   bool
	Module     *struct{ Path, Version, GoMod, Dir string }
	GoFiles    []string
	CgoFiles   []string
	CFiles     []string
	HFiles     []string
	SFiles     []string
	SysoFiles  []string
	EmbedFiles []string
}

const listFields = "Dir,Standard,Module,GoFiles,CgoFiles,CFiles,HFiles,SFiles,SysoFiles,EmbedFiles"

// collect records the inputs from go list's output.
func (r *receipt) collect(list []byte) error {
	modules, dirs, files := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(list)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			return err
		}
		if p.Standard || p.Module == nil {
			continue
		}
		if p.Module.Version != "" && !strings.HasPrefix(p.Module.Version, "(") {
			modules[p.Module.Path+" "+p.Module.Version] = true
			continue
		}
		files[p.Module.GoMod] = true
		if sum := filepath.Join(filepath.Dir(p.Module.GoMod), "go.sum"); exists(sum) {
			files[sum] = true
		}
		dirs[p.Dir] = true
		for _, names := range [][]string{p.GoFiles, p.CgoFiles, p.CFiles, p.HFiles, p.SFiles, p.SysoFiles, p.EmbedFiles} {
			for _, n := range names {
				files[filepath.Join(p.Dir, n)] = true
				dirs[filepath.Dir(filepath.Join(p.Dir, n))] = true
			}
		}
	}
	for m := range modules {
		r.Modules = append(r.Modules, m)
	}
	slices.Sort(r.Modules)
	for d := range dirs {
		names, err := candidates(d)
		if err != nil {
			return err
		}
		r.Directories = append(r.Directories, directory{d, names})
	}
	slices.SortFunc(r.Directories, func(a, b directory) int { return strings.Compare(a.Path, b.Path) })
	for name := range files {
		f, err := record(name)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, f)
	}
	slices.SortFunc(r.Files, func(a, b file) int { return strings.Compare(a.Path, b.Path) })
	r.Key = r.key()
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func (r *receipt) key() string {
	h := sha256.New()
	for _, part := range [][]string{{r.Go, r.Package}, r.Arguments, r.Target, r.Modules} {
		fmt.Fprintf(h, "%q\n", part)
	}
	for _, f := range r.Files {
		fmt.Fprintf(h, "%q %s\n", f.Path, f.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}
