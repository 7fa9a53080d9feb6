package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// surveyed is an SDK that was looked for: what there is, and what is to be done.
type surveyed struct {
	sdk       SDK
	root      *rootfs.Root // nil: the Root itself is missing
	dir       string
	version   Version
	name      string // of the version's directory
	listed    bool   // the source's list was asked, and the version is in it
	installed bool   // there is a directory of its name
	steps     []step
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
	installed, err := j.versionsThere()
	if err != nil {
		return nil, err
	}
	if j.version, err = j.choose(ctx, installed); err != nil {
		return nil, err
	}
	j.name = directoryName(j.version, s.Platform)
	j.installed = slices.Contains(installed, j.version)
	return j, j.plan()
}

// seek is survey for who is about to use what is found: a directory of the
// version's name, which somebody else made or emptied, is not taken for an SDK.
func (s SDK) seek(ctx context.Context) (*surveyed, error) {
	j, err := s.survey(ctx)
	if err != nil || j.root == nil || !j.installed {
		return j, err
	}
	dir := path.Join(j.dir, j.name)
	_, err = j.root.Lstat(path.Join(dir, j.goCommand()))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s holds no go command: it is damaged, or no SDK at all; Repair it, or move it away", j.root.Host(dir))
	}
	if err != nil {
		j.close()
		return nil, wrap(err)
	}
	return j, nil
}

// versionsThere are those that are installed for the wanted platform.
func (j *surveyed) versionsThere() (versions []Version, err error) {
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

// plan lists the steps that are left.
func (j *surveyed) plan() error {
	missing, err := j.missing(j.dir)
	if err != nil {
		return err
	}
	for _, dir := range missing {
		j.addDirectory(dir)
	}
	if !j.installed {
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
			j.addDirectory(dir)
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

func (j *surveyed) addDirectory(dir string) {
	j.add(bedplate.OpCreate, "directory", dir, "", func(context.Context) error {
		err := j.root.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) { // by another installer
			err = nil
		}
		return err
	})
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
