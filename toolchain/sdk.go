package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
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
	j, err := sdk.survey(ctx)
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
	j, err := s.survey(ctx)
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
	j, err := s.survey(ctx)
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

// surveyed is an SDK that was looked for: what there is, and what is to be done.
type surveyed struct {
	sdk     SDK
	root    *rootfs.Root // nil: the Root itself is missing
	dir     string
	version Version
	name    string // of the version's directory
	listed  bool   // the source's list was asked, and the version is in it
	steps   []step
}

type step struct {
	change bedplate.Change
	do     func(context.Context) error
}

// source is the wanted source, with a place for what it remembers.
func (j *surveyed) source() Source {
	if j.sdk.Source == nil {
		return Official{}
	}
	return j.withTiles(j.sdk.Source)
}

func (j *surveyed) withTiles(src Source) Source {
	switch src := src.(type) {
	case ModuleProxy:
		if src.Cache == "" && j.root != nil {
			src.tiles = &tileCache{j.root, path.Join(j.dir, ".sumdb")}
		}
		return src
	default:
		return src
	}
}

func (j *surveyed) close() {
	if j.root != nil {
		_ = j.root.Close() // opened for lookups
	}
}

// survey looks and plans; Plan and Ensure differ only in what they do with it.
func (s SDK) survey(ctx context.Context) (_ *surveyed, err error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	j := &surveyed{sdk: s, dir: s.dir()}
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	if j.root, err = rootfs.Open(s.Root); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("toolchain: %w", err)
	}
	installed, err := j.installed()
	if err != nil {
		return nil, err
	}
	if j.version, err = j.choose(ctx, installed); err != nil {
		return nil, err
	}
	j.name = directoryName(j.version, s.Platform)
	return j, j.plan(slices.Contains(installed, j.version))
}

// installed are the versions there are for the wanted platform.
func (j *surveyed) installed() (versions []Version, err error) {
	if j.root == nil {
		return nil, nil
	}
	all, err := list(j.root, j.dir)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if i.Platform == j.sdk.Platform.orRunning() {
			versions = append(versions, i.Version)
		}
	}
	return versions, nil
}

// choose finds the exact version: an installed match, or the source's newest.
func (j *surveyed) choose(ctx context.Context, installed []Version) (Version, error) {
	s := j.sdk
	w, err := parseWanted(s.Version)
	if err != nil {
		return "", err
	}
	if w.exact != "" {
		return w.exact, nil
	}
	// Without the list nobody knows which minors are supported now; those that
	// are installed are what "stable" meant when they came.
	if v, ok := w.newest(installed, supportedMinors(installed)); ok && !s.Update {
		return v, nil
	}
	releases, err := j.source().Releases(ctx)
	if err != nil {
		return "", err
	}
	var here []Version
	var all []Version
	for _, r := range releases {
		all = append(all, r.Version)
		if r.Platforms == nil || slices.Contains(r.Platforms, s.Platform.orRunning()) {
			here = append(here, r.Version)
		}
	}
	supported := supportedMinors(all)
	v, ok := w.newest(here, supported)
	if !ok {
		e := &NotFoundError{Wanted: w.text, Platform: s.Platform}
		if minor, isMinor := minorOf(w.text); isMinor {
			e.Nearest = nearest(Version("go"+minor), here)
		} else {
			e.Nearest = nearest("", here)
		}
		return "", e
	}
	j.listed = true
	if s.AllowEndOfLife {
		return v, nil
	}
	return v, endOfLife(v, supported)
}

// EndOfLife reports a version that gets no fixes any more, as an
// *EndOfLifeError. What is supported is told by the source's list (nil:
// Official{}); without one, that is an error too.
func EndOfLife(ctx context.Context, v Version, source Source) error {
	if source == nil {
		source = Official{}
	}
	releases, err := source.Releases(ctx)
	if err != nil {
		return wrap(err)
	}
	var all []Version
	for _, r := range releases {
		all = append(all, r.Version)
	}
	return endOfLife(v, supportedMinors(all))
}

func endOfLife(v Version, supported []string) error {
	if len(supported) == 2 && Version("go"+v.Minor()).Compare(Version("go"+supported[1])) < 0 {
		return &EndOfLifeError{v, supported}
	}
	return nil
}

// plan lists the steps that are left.
func (j *surveyed) plan(installed bool) error {
	missing, err := j.missing(j.dir)
	if err != nil {
		return err
	}
	for _, dir := range missing {
		j.add(bedplate.OpCreate, "directory", dir, "", func(context.Context) error {
			err := j.root.Mkdir(dir, 0o755)
			if errors.Is(err, fs.ErrExist) { // by another installer
				err = nil
			}
			return err
		})
	}
	if !installed {
		j.add(bedplate.OpCreate, "sdk", path.Join(j.dir, j.name), string(j.version)+" "+j.sdk.Platform.String(), j.install)
	}
	if !j.sdk.Use {
		return nil
	}
	current := path.Join(j.dir, "current")
	if err := j.planLink(current, j.name, j.use); err != nil || j.sdk.Link == "" {
		return err
	}
	missing, err = j.missing(path.Dir(j.sdk.Link))
	if err != nil {
		return err
	}
	for _, dir := range missing {
		if !slices.ContainsFunc(j.steps, func(s step) bool { return s.change.Target == dir }) {
			j.add(bedplate.OpCreate, "directory", dir, "", func(context.Context) error { return j.root.Mkdir(dir, 0o755) })
		}
	}
	return j.planLink(j.sdk.Link, current, func(context.Context) error {
		_, err := j.root.Symlink(current, j.sdk.Link)
		return err
	})
}

func (j *surveyed) planLink(link, target string, do func(context.Context) error) error {
	if j.root == nil {
		j.add(bedplate.OpCreate, "symlink", link, "→ "+target, do)
		return nil
	}
	now, err := j.root.Readlink(link)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		j.add(bedplate.OpCreate, "symlink", link, "→ "+target, do)
	case err != nil:
		if info, statErr := j.root.Lstat(link); statErr == nil && info.Mode&fs.ModeSymlink == 0 {
			return fmt.Errorf("toolchain: %s is no symlink; move it away first, it is not ours to replace", j.root.Host(link))
		}
		return fmt.Errorf("toolchain: %w", err)
	case now != target:
		j.add(bedplate.OpUpdate, "symlink", link, now+" → "+target, do)
	}
	return nil
}

// missing are the directories on the way to dir that are not there, outermost
// first; "/" stands for the Root itself.
func (j *surveyed) missing(dir string) (dirs []string, err error) {
	for at := dir; ; at = path.Dir(at) {
		if j.root != nil {
			info, err := j.root.Stat(at)
			if err == nil && !info.Mode.IsDir() {
				return nil, fmt.Errorf("toolchain: %s is no directory", j.root.Host(at))
			}
			if err == nil {
				break
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("toolchain: %w", err)
			}
		}
		if at == "/" {
			break
		}
		dirs = append(dirs, at)
	}
	slices.Reverse(dirs)
	return dirs, nil
}

func (j *surveyed) add(op bedplate.Op, kind, target, detail string, do func(context.Context) error) {
	j.steps = append(j.steps, step{bedplate.Change{Op: op, Kind: kind, Target: target, Detail: detail}, do})
}

// carryOut does the steps and returns the changes that were made.
func (j *surveyed) carryOut(ctx context.Context) (made []bedplate.Change, err error) {
	if j.root == nil && len(j.steps) > 0 {
		if err := os.MkdirAll(j.sdk.Root, 0o755); err != nil {
			return nil, fmt.Errorf("toolchain: root: %w", err)
		}
		if j.root, err = rootfs.Open(j.sdk.Root); err != nil {
			return nil, fmt.Errorf("toolchain: %w", err)
		}
	}
	for _, s := range j.steps {
		if err := s.do(ctx); err != nil {
			return made, wrap(err)
		}
		made = append(made, s.change)
	}
	return made, nil
}

// wrap names the package once, and the way out of what the machine refuses.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	way := ""
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		way = "; make room, or choose another Dir"
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		way = "; choose a Dir that this user can write to"
	}
	if way != "" && !strings.HasSuffix(err.Error(), way) {
		err = fmt.Errorf("%w%s", err, way)
	}
	if strings.HasPrefix(err.Error(), "toolchain: ") {
		return err
	}
	return fmt.Errorf("toolchain: %w", err)
}
