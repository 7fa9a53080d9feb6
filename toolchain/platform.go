package toolchain

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
)

// Platform is what an SDK runs on. The zero value is the running one.
type Platform struct{ OS, Arch string }

func (p Platform) orRunning() Platform {
	if p == (Platform{}) {
		return Platform{runtime.GOOS, runtime.GOARCH}
	}
	return p
}

// String is "linux/amd64".
func (p Platform) String() string { p = p.orRunning(); return p.OS + "/" + p.Arch }

var platformPart = regexp.MustCompile(`^[a-z0-9]+$`)

func (p Platform) validate() error {
	if p = p.orRunning(); !platformPart.MatchString(p.OS) || !platformPart.MatchString(p.Arch) {
		return fmt.Errorf("toolchain: Platform %q is no GOOS/GOARCH such as linux/amd64", p.OS+"/"+p.Arch)
	}
	return nil
}

// program is a program's file name on the platform.
func (p Platform) program(name string) string {
	if p.orRunning().OS == "windows" {
		name += ".exe"
	}
	return name
}

// suffix is how file names have it: "linux-amd64". Archives call 32-bit ARM by
// the instruction set that they are built for.
func (p Platform) suffix() string {
	p = p.orRunning()
	arch := p.Arch
	if arch == "arm" && p.OS == "linux" {
		arch = "armv6l"
	}
	return p.OS + "-" + arch
}

// ofSuffix undoes suffix.
func ofSuffix(suffix string) Platform {
	os, arch, _ := strings.Cut(suffix, "-")
	if arch == "armv6l" {
		arch = "arm"
	}
	return Platform{os, arch}
}

// archiveName splits "go1.26.8.linux-amd64.tar.gz", or the module zip's
// "v0.0.1-go1.26.8.linux-amd64.zip".
func archiveName(name string) (v Version, suffix string, ok bool) {
	base, isTar := strings.CutSuffix(name, ".tar.gz")
	if !isTar {
		var isZip bool
		if base, isZip = strings.CutSuffix(strings.TrimPrefix(name, modulePrefix), ".zip"); !isZip {
			return "", "", false
		}
	}
	i := strings.LastIndexByte(base, '.')
	if i < 0 || !strings.HasPrefix(base, "go") || strings.Count(base[i:], "-") != 1 {
		return "", "", false
	}
	v, err := ParseVersion(base[:i])
	return v, base[i+1:], err == nil
}
