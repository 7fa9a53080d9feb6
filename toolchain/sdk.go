package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bedplate/bedplate"
)

// SDK is a wanted Go SDK. It is a bedplate.Resource.
type SDK struct {
	// Version is an exact version ("1.26.8", "go1.26.8"), a minor ("1.26",
	// "1.26.x"), a constraint ("~1.26.3", ">=1.25 <1.27"), "stable" or
	// "oldstable". What is not exact is satisfied by an installed match; the
	// network is asked only where there is none, or with Update.
	Version string
	// Source is where the SDK comes from. Nil: Official{}.
	Source Source
	// Dir is where versions lie side by side. "": DefaultDir(), or
	// /usr/local/lib/go where there is a Root.
	Dir string
	// Root is the tree that Dir and Link lie in. "": this machine.
	Root string
	// Platform is what the SDK runs on. Zero: the running one.
	Platform Platform
	// Use makes the version `current` in Dir, atomically.
	Use bool
	// Link is a second link, to `current`: "/usr/local/go". "": none. It needs Use.
	Link string
	// Update asks the source for a newer match even where one is installed.
	Update bool
	// SHA256 is the hex digest that the packed SDK must have; it wins over what
	// the source says. "": the source vouches.
	SHA256 string
	// AllowEndOfLife takes a version that gets no fixes any more.
	AllowEndOfLife bool
	// Also are further sources that have to vouch for the same SDK, or it is not
	// installed; see CrossCheck. Nil: Source's word is enough.
	Also []Source
	// Progress is told how far it is, from several goroutines, one at a time. Nil: nobody.
	Progress func(Progress)
}

// DefaultDir is where SDKs are kept: /usr/local/lib/go for root, and
// bedplate/go in the user's data directory ($XDG_DATA_HOME, ~/.local/share) for
// others.
func DefaultDir() string {
	if os.Getuid() == 0 {
		return systemDir
	}
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) {
		home, err := os.UserHomeDir()
		if err != nil {
			return systemDir // writing there fails with a clear error
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "bedplate", "go")
}

const systemDir = "/usr/local/lib/go"

// Install installs an SDK, or finds it installed.
func Install(ctx context.Context, sdk SDK) (Installation, error) {
	j, err := sdk.seek(ctx)
	if err != nil {
		return Installation{}, err
	}
	defer j.close()
	if _, err := j.carryOut(ctx); err != nil {
		return Installation{}, err
	}
	return j.installation(), nil
}

// Resolve says which exact version Ensure would see to.
func (s SDK) Resolve(ctx context.Context) (Version, error) {
	j, err := s.survey(ctx)
	if err != nil {
		return "", err
	}
	defer j.close()
	return j.version, nil
}

// Plan says what Ensure would do. It asks the source only to resolve a version
// that is not exact and not installed.
func (s SDK) Plan(ctx context.Context) ([]bedplate.Change, error) {
	j, err := s.seek(ctx)
	if err != nil {
		return nil, err
	}
	defer j.close()
	var changes []bedplate.Change
	for _, st := range j.steps {
		changes = append(changes, st.change)
	}
	return changes, nil
}

// Ensure installs the SDK if it is missing, and switches to it if asked to.
func (s SDK) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	j, err := s.seek(ctx)
	if err != nil {
		return nil, err
	}
	defer j.close()
	return j.carryOut(ctx)
}

func (s SDK) validate() error {
	var errs []error
	_, err := parseWanted(s.Version)
	errs = append(errs, err, s.Platform.validate())
	for name, p := range map[string]string{"Dir": s.dir(), "Link": s.Link} {
		if p != "" && (!path.IsAbs(p) || path.Clean(p) != p || p == "/") {
			errs = append(errs, fmt.Errorf("toolchain: %s=%q must be an absolute, clean path", name, p))
		}
	}
	if s.Link != "" && !s.Use {
		errs = append(errs, fmt.Errorf("toolchain: Link=%q leads to the current version, but Use is not set", s.Link))
	}
	if s.SHA256 != "" {
		a := Artifact{Name: "SDK.SHA256", pin: "the caller"}
		errs = append(errs, a.setSHA256(s.SHA256))
	}
	return errors.Join(errs...)
}

func (s SDK) dir() string {
	switch {
	case s.Dir != "":
		return s.Dir
	case s.Root != "":
		return systemDir
	}
	return DefaultDir()
}

// directoryName of a version: the plain number for the running platform.
func directoryName(v Version, p Platform) string {
	if p = p.orRunning(); p == (Platform{runtime.GOOS, runtime.GOARCH}) {
		return v.Number()
	}
	return v.Number() + "." + p.OS + "-" + p.Arch
}

func parseDirectoryName(name string) (Version, Platform, bool) {
	if v, err := ParseVersion(name); err == nil && !strings.HasPrefix(name, "go") {
		return v, Platform{}.orRunning(), true
	}
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", Platform{}, false
	}
	os, arch, ok := strings.Cut(name[i+1:], "-")
	v, err := ParseVersion(name[:i])
	return v, Platform{os, arch}, ok && err == nil
}
