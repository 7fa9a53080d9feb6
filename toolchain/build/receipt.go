package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	// Format says what is recorded. One that records less proves nothing.
	Format int `json:"format"`
	// Key is over everything below but the stamps.
	Key       string   `json:"key"`
	Go        string   `json:"go"`
	Arguments []string `json:"arguments"`
	Target    []string `json:"target"`
	Package   string   `json:"package"`
	// Modules are those of the module cache, "path version" and what replaces
	// them; their content is what go.sum says.
	Modules []string `json:"modules"`
	// Directories outside the module cache, with the names of all files in them
	// that could be part of a build: a new one changes what is built.
	Directories []directory `json:"directories"`
	Files       []file      `json:"files"`
	Output      file        `json:"output"`
}

const receiptFormat = 2

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
	case r.Format != receiptFormat:
		return "its receipt has another format", nil
	case version != "" && r.Go != version:
		return "built by " + r.Go, nil
	case !slices.Equal(r.Arguments, s.arguments()) || !slices.Equal(r.Target, s.target()) || r.Package != s.pkg():
		return "built otherwise", nil
	case output.Mode.Perm() != s.mode():
		return fmt.Sprintf("mode %04o", output.Mode.Perm()), nil
	}
	if r.Output.stamp != outputStamp(output) {
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
	return r.inputs(ctx, hidden(root.Host(s.Output)))
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
