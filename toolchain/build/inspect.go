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
	// GLIBC is the highest version of the GNU C library that a symbol asks for,
	// "2.34"; "" asks for none. GLIBCSymbols are those that ask for it.
	GLIBC        string
	GLIBCSymbols []string
	// GoVersion, Module and Settings are Go's build information; empty for a
	// file that Go did not build.
	GoVersion string
	Module    string
	Settings  map[string]string
}

// Static says that the file needs nothing of its host: no loader, no library.
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

// ErrNotELF is matched where a file is no ELF file at all.
var ErrNotELF = errors.New("no ELF file")

// Inspect reads an ELF file.
func Inspect(path string) (Binary, error) {
	f, err := os.Open(path)
	if err != nil {
		return Binary{}, fmt.Errorf("build: %w", err)
	}
	defer f.Close()
	b, err := inspect(f)
	b.Path = path
	if err != nil {
		return b, fmt.Errorf("build: %s: %w", path, err)
	}
	return b, nil
}

// maxInterpreter bounds PT_INTERP: a path.
const maxInterpreter = 4096

func inspect(r io.ReaderAt) (b Binary, err error) {
	f, err := elf.NewFile(r)
	if err != nil {
		var format *elf.FormatError
		if errors.As(err, &format) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return b, fmt.Errorf("%w: %w", ErrNotELF, err)
		}
		return b, err
	}
	b.Arch = arch(f)
	if b.Interpreter, err = interpreter(f); err != nil {
		return b, err
	}
	if f.SectionByType(elf.SHT_DYNAMIC) != nil {
		if b.Needed, err = f.ImportedLibraries(); err != nil {
			return b, fmt.Errorf("DT_NEEDED: %w", err)
		}
		if err := b.libc(f); err != nil {
			return b, err
		}
	} else if dynamic(f) {
		return b, errors.New("it is dynamic, but its section headers are stripped; what it needs can't be read")
	}
	// A file that Go did not build has no build information; that is no error.
	if info, err := buildinfo.Read(r); err == nil {
		b.GoVersion, b.Module = info.GoVersion, info.Main.Path
		b.Settings = make(map[string]string, len(info.Settings))
		for _, s := range info.Settings {
			b.Settings[s.Key] = s.Value
		}
	}
	return b, nil
}

func dynamic(f *elf.File) bool {
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC })
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

// libc finds the highest GLIBC version that is asked for, and by which symbols.
func (b *Binary) libc(f *elf.File) error {
	symbols, err := f.ImportedSymbols()
	if errors.Is(err, elf.ErrNoSymbols) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("dynamic symbols: %w", err)
	}
	for _, s := range symbols {
		v, ok := strings.CutPrefix(s.Version, "GLIBC_")
		if !ok || v == "PRIVATE" {
			continue
		}
		switch compareDotted(v, b.GLIBC) {
		case 1:
			b.GLIBC, b.GLIBCSymbols = v, []string{s.Name}
		case 0:
			b.GLIBCSymbols = append(b.GLIBCSymbols, s.Name)
		}
	}
	slices.Sort(b.GLIBCSymbols)
	return nil
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
