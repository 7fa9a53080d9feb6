package checks

import (
	"context"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/verify"
)

// Static holds for an ELF file that needs nothing of its host: no interpreter
// (PT_INTERP) and no shared library (DT_NEEDED). path is looked up inside root.
func Static(root, path string) verify.Check {
	return verify.Check{Name: "binary/" + path + "/static", Look: func(context.Context) verify.Finding {
		f, closeAll, err := openELF(root, path)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer closeAll()
		var needs []string
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				needs = append(needs, "an interpreter")
			}
		}
		libraries, err := f.ImportedLibraries()
		if err != nil {
			return verify.CouldNotLook(fmt.Errorf("%s: %w", path, err))
		}
		needs = append(needs, libraries...)
		observed := "nothing"
		if len(needs) > 0 {
			observed = strings.Join(needs, ", ")
		}
		return verify.Equal("nothing", observed).Because("it needs them of its host", "build it with CGO_ENABLED=0")
	}}
}

func openELF(root, path string) (*elf.File, func(), error) {
	r, err := rootfs.Open(root)
	if err != nil {
		return nil, nil, err
	}
	file, err := r.Open(path)
	if err != nil {
		return nil, nil, closing(err, r)
	}
	f, err := elf.NewFile(file)
	if err != nil {
		return nil, nil, closing(fmt.Errorf("%s: %w", path, err), file, r)
	}
	return f, func() { _ = closing(nil, f, file, r) }, nil
}

// BuiltWith holds for a Go binary that was built by exactly this Go version
// ("go1.26.8").
func BuiltWith(root, path, version string) verify.Check {
	return verify.Check{Name: "binary/" + path + "/go", Look: func(context.Context) verify.Finding {
		r, err := rootfs.Open(root)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer r.Close()
		f, err := r.Open(path)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		defer f.Close()
		info, err := buildinfo.Read(f)
		if err != nil {
			return verify.CouldNotLook(fmt.Errorf("%s: %w", path, err))
		}
		return verify.Equal(version, info.GoVersion).Because("another Go built it", "build it again")
	}}
}
