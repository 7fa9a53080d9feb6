package layout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// ManifestName is the file in each release that says what the release is.
const ManifestName = ".release.json"

// Manifest is what a release consists of.
type Manifest struct {
	// Label is the part of the release's id that people gave it.
	Label string `json:"label,omitempty"`
	// Build is what the caller says about the release's making. It is no part
	// of the id.
	Build map[string]string `json:"build,omitempty"`
	// Files are all files, links and directories, sorted by path.
	Files []ManifestFile `json:"files"`
}

// ManifestFile is a file, link or directory of a release.
type ManifestFile struct {
	// Path is relative to the release.
	Path string `json:"path"`
	// Kind is "file", "symlink" or "directory".
	Kind string `json:"kind"`
	// Executable files are 0555, others 0444.
	Executable bool `json:"executable,omitempty"`
	// Size and SHA256 are a file's.
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Target is a symlink's: relative, and inside the release.
	Target string `json:"target,omitempty"`
	// Go tells how a Go binary was built: version, module and revision.
	Go string `json:"go,omitempty"`
}

// ID is the release's id: its label, and a digest of its files. Equal files have
// an equal id on every machine.
func (m Manifest) ID() string {
	h := sha256.New()
	for _, f := range m.Files {
		// Each field is quoted, so two manifests never give one text.
		fmt.Fprintf(h, "%q %q %v %d %q %q\n", f.Path, f.Kind, f.Executable, f.Size, f.SHA256, f.Target)
	}
	id := hex.EncodeToString(h.Sum(nil)[:8])
	if m.Label != "" {
		id = m.Label + "-" + id
	}
	return id
}

// ParseManifest reads a manifest and checks it: sorted, complete, and without a
// path or link that leads out of the release.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(&m)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("there is more behind its end")
		}
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("layout: manifest: %w", err)
	}
	return m, nil
}

func (m Manifest) bytes() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "\t")
	return append(b, '\n'), err
}

func (m Manifest) check() error {
	if err := checkLabel(m.Label); err != nil {
		return err
	}
	if len(m.Files) == 0 {
		return errors.New("it has no files")
	}
	dirs := map[string]bool{".": true}
	for i, f := range m.Files {
		if i > 0 && comparePaths(m.Files[i-1].Path, f.Path) >= 0 {
			return fmt.Errorf("%q is there twice, or out of order", f.Path)
		}
		if err := f.check(); err != nil {
			return fmt.Errorf("%q: %w", f.Path, err)
		}
		if above := path.Dir(f.Path); !dirs[above] {
			return fmt.Errorf("%q: %q is not a directory of the release", f.Path, above)
		}
		dirs[f.Path] = f.Kind == "directory"
	}
	return nil
}

func checkLabel(label string) error {
	if strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") != "" || len(label) > 100 || strings.HasPrefix(label, ".") {
		return fmt.Errorf("label %q becomes part of a file name; use letters, digits, dots, dashes, pluses and underscores", label)
	}
	return nil
}

func (f ManifestFile) check() error {
	switch {
	case !fs.ValidPath(f.Path) || f.Path == ".":
		return errors.New("the path is not a plain one inside the release")
	case !utf8.ValidString(f.Path) || strings.ContainsAny(f.Path, "\x00\n"):
		return errors.New("the name is not UTF-8, or has a newline or a NUL byte")
	case f.Path == ManifestName:
		return errors.New("the manifest is kept under that name")
	case f.Size < 0:
		return errors.New("its size is negative")
	}
	for part := range strings.SplitSeq(f.Path, "/") {
		if len(part) > 255 {
			return errors.New("a name in the path has more than 255 bytes")
		}
	}
	file, link := f.Kind == "file", f.Kind == "symlink"
	switch {
	case !file && !link && f.Kind != "directory":
		return fmt.Errorf("a %s can't be in a release; files, symlinks and directories can", f.Kind)
	case !file && (f.Executable || f.Size != 0 || f.SHA256 != "" || f.Go != ""), !link && f.Target != "":
		return fmt.Errorf("it has what a %s does not have", f.Kind)
	case file && !isDigest(f.SHA256):
		return errors.New("its SHA-256 is not 64 lower-case hex digits")
	case link:
		return checkInside(f.Path, f.Target)
	}
	return nil
}

func isDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// checkInside refuses a link that leads out of the release. Only the beginning
// of its target goes up, through directories that are none but the release's
// own; what it then goes down through may be links, which are checked as well.
func checkInside(p, target string) error {
	if target == "" || path.IsAbs(target) || !utf8.ValidString(target) || strings.ContainsAny(target, "\x00\n") {
		return fmt.Errorf("its target %q is not a relative path", target)
	}
	depth, down := strings.Count(p, "/"), false
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; down || depth < 0 {
				return fmt.Errorf("its target %q leads out of the release, or goes up behind a name; write it without", target)
			}
		default:
			down = true
		}
	}
	return nil
}

func (m *Manifest) sort() {
	slices.SortFunc(m.Files, func(a, b ManifestFile) int { return comparePaths(a.Path, b.Path) })
}
