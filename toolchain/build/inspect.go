package build

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Binary is what an ELF file says of itself. It is read, never run.
type Binary struct {
	// Path is the file that was read.
	Path string
	// Arch is GOARCH's name for its machine ("amd64"), or the ELF name of one
	// that Go does not know.
	Arch string
	// Interpreter is the dynamic loader (PT_INTERP) without which the file does
	// not start; "" needs none.
	Interpreter string
	// Needed are the shared libraries (DT_NEEDED).
	Needed []string
	// Versions are those of the libraries' symbols that the loader checks, weak
	// ones included.
	Versions []Version
	// GLIBC is the highest version of the GNU C library that must be there,
	// "2.34"; "" asks for none. GLIBCSymbols are those that ask for it, sorted;
	// none if the file's section headers are stripped, or if the linker asks by
	// itself. WeakSymbols are weak ones that would use a version of their own.
	GLIBC        string
	GLIBCSymbols []string
	WeakSymbols  []string
	// GoVersion, Module, ModuleVersion and Settings are Go's build information;
	// empty for a file that Go did not build.
	GoVersion     string
	Module        string
	ModuleVersion string
	Settings      map[string]string
	// VCS is the state of the repository that it was built from, if the go
	// command was let write it (-buildvcs; a Spec's builds have none).
	VCS VCS

	runpath       []string
	inherit       bool
	wants, offers []string // symbols, of a musl program
}

// Static says that the file needs nothing of its host to start: no loader, no
// library. A program with the GNU C library linked in may still open the host's
// name service modules later; one built with CGO_ENABLED=0 does not.
func (b Binary) Static() bool { return b.Interpreter == "" && len(b.Needed) == 0 }

// Needs says what it needs in one line, for people.
func (b Binary) Needs() string {
	if b.Static() {
		return "nothing"
	}
	parts := slices.Clone(b.Needed)
	if b.Interpreter != "" {
		parts = append([]string{b.Interpreter}, parts...)
	}
	if b.GLIBC != "" {
		parts = append(parts, "GLIBC_"+b.GLIBC)
	}
	return strings.Join(parts, ", ")
}

// VCS is a state of a repository.
type VCS struct {
	// System is "git", "hg" and so on; "" without a stamp.
	System   string
	Revision string
	// Time is that of the revision.
	Time time.Time
	// Modified: files differed from the revision.
	Modified bool
}

func stampedVCS(settings map[string]string) VCS {
	at, _ := time.Parse(time.RFC3339, settings["vcs.time"]) // zero for none
	return VCS{settings["vcs"], settings["vcs.revision"], at, settings["vcs.modified"] == "true"}
}

// ErrNotELF is matched where a file is no ELF file at all.
var ErrNotELF = errors.New("no ELF file")

// Inspect reads an ELF file.
func Inspect(path string) (Binary, error) {
	f, err := os.Open(path)
	if err != nil {
		return Binary{}, fmt.Errorf("build: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Binary{}, fmt.Errorf("build: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Binary{}, fmt.Errorf("build: %s: %w: it is no regular file", path, ErrNotELF)
	}
	b, err := inspect(f, info.Size())
	b.Path = path
	if err != nil {
		return b, fmt.Errorf("build: %s: %w", path, err)
	}
	return b, nil
}

// maybeGo spares a search through all the data of a program that is not Go's.
// Without section headers only that search can tell.
func maybeGo(f *elf.File) bool {
	return len(f.Sections) == 0 || f.Section(".go.buildinfo") != nil
}

// maxInterpreter bounds PT_INTERP: a path.
const maxInterpreter = 4096

func inspect(r io.ReaderAt, size int64) (b Binary, err error) {
	f, err := elf.NewFile(r)
	if err != nil {
		var format *elf.FormatError
		if errors.As(err, &format) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return b, fmt.Errorf("%w: %w", ErrNotELF, err)
		}
		return b, err
	}
	if err := whole(f, size); err != nil {
		return b, err
	}
	b.Arch = arch(f)
	if b.Interpreter, err = interpreter(f); err != nil {
		return b, err
	}
	d, err := readDynamic(f)
	if err != nil {
		return b, err
	}
	b.Needed, b.Versions, b.runpath, b.inherit = d.needed, d.versions, d.runpath, d.inherit
	b.libc(f, d.text)
	if isMusl(b.Interpreter) {
		b.wants, b.offers = musls(f, d.text)
	}
	if !maybeGo(f) {
		return b, nil
	}
	// A file that Go did not build has no build information; that is no error.
	if info, err := buildinfo.Read(r); err == nil {
		b.GoVersion, b.Module, b.ModuleVersion = info.GoVersion, info.Main.Path, info.Main.Version
		b.Settings = make(map[string]string, len(info.Settings))
		for _, s := range info.Settings {
			b.Settings[s.Key] = s.Value
		}
		b.VCS = stampedVCS(b.Settings)
	}
	return b, nil
}

// whole refuses what no kernel would run: an object file, a core, or a file that
// ends before its segments do, as an interrupted copy does.
func whole(f *elf.File, size int64) error {
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return fmt.Errorf("%w that can be run: it is of type %s", ErrNotELF, f.Type)
	}
	for _, p := range f.Progs {
		if p.Filesz > 0 && (p.Off > uint64(size) || p.Filesz > uint64(size)-p.Off) { //nolint:gosec // a size is not negative
			return fmt.Errorf("it is truncated: a segment ends at %d, the file at %d", p.Off+p.Filesz, size)
		}
	}
	return nil
}

func interpreter(f *elf.File) (string, error) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		if p.Filesz > maxInterpreter {
			return "", fmt.Errorf("PT_INTERP has %d bytes, which is no path", p.Filesz)
		}
		text, err := io.ReadAll(p.Open())
		if err != nil {
			return "", fmt.Errorf("PT_INTERP: %w", err)
		}
		return strings.TrimRight(string(text), "\x00"), nil
	}
	return "", nil
}

// libc finds the highest GLIBC version that must be there, and who asks for it.
func (b *Binary) libc(f *elf.File, text []byte) {
	numbers := map[uint16]string{} // of glibc's versions, by index
	for _, v := range b.Versions {
		n, ok := glibc(v.Name)
		if !ok {
			continue
		}
		numbers[v.index] = n
		if !v.Weak && compareDotted(n, b.GLIBC) > 0 {
			b.GLIBC = n
		}
	}
	if len(numbers) == 0 {
		return
	}
	// The names are for people: what must be there is known without.
	for s := range symbols(f, text) {
		n, ok := numbers[s.version]
		switch {
		case !ok || s.defined:
		case s.bind == elf.STB_WEAK:
			b.WeakSymbols = append(b.WeakSymbols, s.name)
		case s.bind == elf.STB_GLOBAL && n == b.GLIBC:
			b.GLIBCSymbols = append(b.GLIBCSymbols, s.name)
		}
	}
	slices.Sort(b.GLIBCSymbols)
	slices.Sort(b.WeakSymbols)
}

// glibc gives the number in GLIBC_2.34. GLIBC_PRIVATE and GLIBC_ABI_DT_RELR have none.
func glibc(version string) (number string, ok bool) {
	number, ok = strings.CutPrefix(version, "GLIBC_")
	return number, ok && number != "" && number[0] >= '0' && number[0] <= '9'
}

// compareDotted compares "2.9" and "2.34" number by number.
func compareDotted(a, b string) int {
	numbers := func(s string) (out []int) {
		for part := range strings.SplitSeq(s, ".") {
			n, err := strconv.Atoi(part)
			if err != nil {
				n = 0
			}
			out = append(out, n)
		}
		return out
	}
	return slices.Compare(numbers(a), numbers(b))
}

// arch is GOARCH's name for the machine.
func arch(f *elf.File) string {
	little := f.Data == elf.ELFDATA2LSB
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_386:
		return "386"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_PPC64:
		if little {
			return "ppc64le"
		}
		return "ppc64"
	case elf.EM_LOONGARCH:
		return "loong64"
	}
	return f.Machine.String()
}
