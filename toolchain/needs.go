package toolchain

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// Needs says what SDK.Version a project's go.mod, go.work or .go-version file
// asks for. Of a module or workspace it is the newer of its toolchain line and
// its go line: "1.26.8". A go line of two parts ("go 1.26") is a minor: any
// release of it will do, also where there never was a .0, as before 1.21.
func Needs(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", wrap(err)
	}
	version, err := needs(filepath.Base(path), b)
	if err != nil {
		return "", fmt.Errorf("toolchain: %s: %w", path, err)
	}
	return version, nil
}

func needs(name string, content []byte) (string, error) {
	switch name {
	case "go.mod":
		f, err := modfile.ParseLax(name, content, nil)
		if err != nil {
			return "", oneLine(err)
		}
		// ParseLax is for other people's modules, and leaves out the toolchain line.
		if whole, err := modfile.Parse(name, content, nil); err == nil {
			f = whole
		}
		return newer(f.Go, f.Toolchain)
	case "go.work":
		f, err := modfile.ParseWork(name, content, nil)
		if err != nil {
			return "", oneLine(err)
		}
		return newer(f.Go, f.Toolchain)
	case ".go-version":
		for line := range strings.Lines(string(content)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			w, err := parseWanted(line)
			if err != nil {
				return "", fmt.Errorf("%q is no version: %w", line, err)
			}
			return w.text, nil
		}
		return "", fmt.Errorf("it names no version")
	}
	return "", fmt.Errorf("it is no go.mod, go.work or .go-version")
}

func newer(g *modfile.Go, t *modfile.Toolchain) (string, error) {
	want := ""
	if g != nil {
		want = g.Version
	}
	// "default" is the go command that is there; it sets no need.
	if t != nil && t.Name != "default" {
		// A toolchain's name may have a suffix of its maker: go1.26.8-custom.
		name, _, _ := strings.Cut(t.Name, "-")
		v, err := ParseVersion(name)
		if err != nil {
			return "", err
		}
		if want == "" || v.Compare(Version("go"+want)) >= 0 {
			want = v.Number()
		}
	}
	if want == "" {
		return "", fmt.Errorf("it has no go line and no toolchain line")
	}
	if _, err := parseWanted(want); err != nil {
		return "", err
	}
	return want, nil
}

// oneLine makes modfile's list of errors one line.
func oneLine(err error) error {
	return fmt.Errorf("%s", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
}
