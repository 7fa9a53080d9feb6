package checks

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/verify"
)

// ofGo is a check of the tree at goroot, which may be a link, such as
// /usr/local/go. version is what its VERSION file says, as the go command itself
// reads it: the first line.
func ofGo(root, goroot, aspect, level string, look func(ctx context.Context, r *rootfs.Root, version string) (verify.Finding, error)) verify.Check {
	return verify.Check{Name: "go/" + aspect, Tags: []string{level, "go"}, Look: func(ctx context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		text, err := r.ReadFile(path.Join(goroot, "VERSION"))
		if errors.Is(err, fs.ErrNotExist) {
			return verify.Finding{Status: verify.Fail, Wanted: "a Go SDK at " + goroot, Observed: "none", Cause: r.Host(goroot) + " has no VERSION file", Remedy: "install the SDK again"}
		}
		if err != nil {
			return verify.CouldNotLook(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		return found(look(ctx, r, first))
	}}
}

// GoVersion holds where the tree at goroot says that it is this version
// ("go1.26.8").
func GoVersion(root, goroot, version string) verify.Check {
	return ofGo(root, goroot, "version", Quick, func(_ context.Context, r *rootfs.Root, have string) (verify.Finding, error) {
		return verify.Equal(version, have).Because(r.Host(goroot)+" holds another version", "install and use the wanted one"), nil
	})
}

// GoRelease holds where the tree's version meets a constraint: "1.26.x",
// "~1.26.3", ">=1.25 <1.27". A release candidate meets none.
func GoRelease(root, goroot, constraint string) verify.Check {
	return ofGo(root, goroot, "release", Quick, func(_ context.Context, r *rootfs.Root, have string) (verify.Finding, error) {
		c, err := semver.NewConstraint(constraint)
		if err != nil {
			return verify.Finding{}, fmt.Errorf("%q is no constraint; write 1.26.x, ~1.26.3 or >=1.25 <1.27", constraint)
		}
		v, err := toolchain.ParseVersion(have)
		if err != nil {
			return verify.Finding{}, err
		}
		f := verify.Finding{Status: verify.Fail, Wanted: constraint, Observed: have}
		if sv, err := semver.NewVersion(v.Number()); err == nil && c.Check(sv) {
			f.Status = verify.Pass
		}
		return f.Because(r.Host(goroot)+" holds another version", "install and use the wanted one"), nil
	})
}

// GoSupported holds where the tree's version still gets fixes: its minor release
// is one of the two newest of those that the source lists.
func GoSupported(root, goroot string, source toolchain.Source) verify.Check {
	c := ofGo(root, goroot, "supported", Standard, func(ctx context.Context, _ *rootfs.Root, have string) (verify.Finding, error) {
		v, err := toolchain.ParseVersion(have)
		if err != nil {
			return verify.Finding{}, err
		}
		releases, err := source.Releases(ctx)
		if err != nil {
			return verify.Finding{}, err
		}
		var minors []toolchain.Version
		for _, rel := range releases {
			if m := toolchain.Version("go" + rel.Version.Minor()); !rel.Version.Prerelease() && !slices.Contains(minors, m) {
				minors = append(minors, m)
			}
		}
		if len(minors) < 2 {
			return verify.Finding{}, fmt.Errorf("the source lists %d minor releases, which does not say what is supported", len(minors))
		}
		slices.SortFunc(minors, func(a, b toolchain.Version) int { return b.Compare(a) })
		f := verify.Finding{Status: verify.Pass, Wanted: minors[1].Minor() + " or newer", Observed: have}
		if toolchain.Version("go"+v.Minor()).Compare(minors[1]) < 0 {
			f.Status = verify.Fail
		}
		return f.Because("Go supports the two newest minor releases; this one gets no security fixes", "install a newer one and build again"), nil
	})
	c.Tags = append(c.Tags, "network")
	return c
}

// tools are what every build runs.
var tools = []string{"compile", "link", "asm"}

// GoParts holds where the go command and the compiler, linker and assembler are
// there, can be run, and were all built as the version that VERSION says: no tree
// that is half of another. platform is "linux/amd64"; nothing is run, so it may
// be another machine's.
func GoParts(root, goroot, platform string) verify.Check {
	return ofGo(root, goroot, "parts", Quick, func(_ context.Context, r *rootfs.Root, version string) (verify.Finding, error) {
		parts := []string{"bin/go"}
		for _, t := range tools {
			parts = append(parts, "pkg/tool/"+strings.ReplaceAll(platform, "/", "_")+"/"+t)
		}
		var causes []string
		for _, part := range parts {
			why, err := goPart(r, path.Join(goroot, part), version, platform)
			if err != nil {
				return verify.Finding{}, err
			}
			if why != "" {
				causes = append(causes, part+" "+why)
			}
		}
		f := verify.Finding{Status: verify.Pass, Wanted: version + " for " + platform, Observed: version + " for " + platform}
		if len(causes) > 0 {
			f.Status, f.Observed = verify.Fail, fmt.Sprintf("%d of %d parts are not", len(causes), len(parts))
		}
		return f.Because(strings.Join(causes, "; "), "toolchain's Installation.Repair, or install it again"), nil
	})
}

func goPart(r *rootfs.Root, name, version, platform string) (why string, err error) {
	info, err := r.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "is missing", nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode&0o111 == 0 {
		return "can't be executed: mode " + info.Mode.String(), nil
	}
	f, err := r.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	built, err := buildinfo.Read(f)
	if err != nil {
		return "is no Go program: " + err.Error(), nil
	}
	if have, _, _ := strings.Cut(built.GoVersion, " "); have != version { // " X:experiment" may follow
		return "was built as " + built.GoVersion, nil
	}
	if have := setting(built, "GOOS") + "/" + setting(built, "GOARCH"); have != platform {
		return "is for " + have, nil
	}
	return "", nil
}

func setting(info *buildinfo.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// GoTree holds where every file of the installation in dir ("": toolchain's
// DefaultDir) is as it was installed, by its receipt: the digest of each is
// computed again. A tree that no receipt vouches for is unknown.
func GoTree(dir, version string) verify.Check {
	return verify.Check{Name: "go/tree", Tags: []string{Deep, "go"}, Timeout: 2 * time.Minute, Look: func(ctx context.Context) verify.Finding {
		all, err := toolchain.List(dir)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		i := slices.IndexFunc(all, func(i toolchain.Installation) bool { return string(i.Version) == version })
		if i < 0 {
			return verify.Finding{Status: verify.Fail, Wanted: version, Observed: fmt.Sprintf("%d other versions", len(all)), Cause: "it is not installed in " + dir, Remedy: "install it"}
		}
		err = all[i].Verify(ctx)
		var altered *toolchain.AlteredError
		switch {
		case errors.As(err, &altered):
			return verify.Finding{
				Status: verify.Fail, Wanted: "every file as installed", Observed: fmt.Sprintf("%d differ", len(altered.Differences)),
				Cause: differences(altered), Remedy: "toolchain's Installation.Repair",
			}
		case err != nil:
			return verify.CouldNotLook(err)
		}
		return verify.Passed("every file as its receipt has it")
	}}
}

func differences(altered *toolchain.AlteredError) string {
	var some []string
	for _, d := range altered.Differences[:min(5, len(altered.Differences))] {
		some = append(some, d.Path+" "+d.What)
	}
	if more := len(altered.Differences) - len(some); more > 0 {
		some = append(some, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(some, ", ")
}
