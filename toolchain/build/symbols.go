package build

import (
	"bytes"
	"debug/elf"
	"iter"
)

// symbol is one of those that a file gives to others or takes from them.
type symbol struct {
	name    string
	bind    elf.SymBind
	defined bool
	version uint16 // index of the wanted one; 0 for none
}

// maxSection bounds the tables of symbols.
const maxSection = 64 << 20

// symbols gives a file's dynamic symbols; none where its section headers are
// stripped or damaged. text are the dynamic strings.
func symbols(f *elf.File, text []byte) iter.Seq[symbol] {
	return func(yield func(symbol) bool) {
		table, versions := section(f, elf.SHT_DYNSYM), section(f, elf.SHT_GNU_VERSYM)
		// Elf32_Sym is name, value, size, info, other, shndx; Elf64_Sym has the two
		// long ones last.
		size, info, shndx := 24, 4, 6
		if f.Class == elf.ELFCLASS32 {
			size, info, shndx = 16, 12, 14
		}
		for ; len(table) >= size; table = table[size:] {
			s := symbol{bind: elf.ST_BIND(table[info]), defined: f.ByteOrder.Uint16(table[shndx:]) != uint16(elf.SHN_UNDEF)}
			if len(versions) >= 2 {
				s.version, versions = f.ByteOrder.Uint16(versions)&^0x8000, versions[2:] // the top bit hides a version
			}
			at := uint64(f.ByteOrder.Uint32(table))
			if at == 0 || at >= uint64(len(text)) {
				continue
			}
			name, _, _ := bytes.Cut(text[at:min(uint64(len(text)), at+maxString)], []byte{0})
			s.name = string(name)
			if !yield(s) {
				return
			}
		}
	}
}

// musls gives what musl's loader resolves before the program starts, all of it:
// the names that a file must find, and those that it offers.
func musls(f *elf.File, text []byte) (wants, offers []string) {
	for s := range symbols(f, text) {
		switch {
		case s.defined && s.bind != elf.STB_LOCAL:
			offers = append(offers, s.name)
		case !s.defined && s.bind == elf.STB_GLOBAL:
			wants = append(wants, s.name)
		}
	}
	return wants, offers
}

// section reads a table, unless it is huge, or packed, which what is loaded
// never is.
func section(f *elf.File, kind elf.SectionType) []byte {
	for _, s := range f.Sections {
		if s.Type == kind && s.Size <= maxSection && s.Flags&elf.SHF_COMPRESSED == 0 {
			b, err := s.Data()
			if err != nil {
				return nil
			}
			return b
		}
	}
	return nil
}
