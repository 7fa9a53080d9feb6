package build

import (
	"bytes"
	"debug/elf"
	"iter"
)

// symbol is one that a file takes from a library.
type symbol struct {
	name    string
	bind    elf.SymBind
	version uint16 // index of the wanted one
}

// maxSection bounds the tables of symbols.
const maxSection = 64 << 20

// undefined gives the symbols that a file takes from libraries; none where its
// section headers are stripped or damaged. The names are for people: what must
// be there is known without. text are the dynamic strings.
func undefined(f *elf.File, text []byte) iter.Seq[symbol] {
	return func(yield func(symbol) bool) {
		table, versions := section(f, elf.SHT_DYNSYM), section(f, elf.SHT_GNU_VERSYM)
		// Elf32_Sym is name, value, size, info, other, shndx; Elf64_Sym has the two
		// long ones last.
		size, info, shndx := 24, 4, 6
		if f.Class == elf.ELFCLASS32 {
			size, info, shndx = 16, 12, 14
		}
		for ; len(table) >= size && len(versions) >= 2; table, versions = table[size:], versions[2:] {
			if f.ByteOrder.Uint16(table[shndx:]) != uint16(elf.SHN_UNDEF) {
				continue
			}
			at := uint64(f.ByteOrder.Uint32(table))
			if at == 0 || at >= uint64(len(text)) {
				continue
			}
			name, _, _ := bytes.Cut(text[at:min(uint64(len(text)), at+maxString)], []byte{0})
			if !yield(symbol{string(name), elf.ST_BIND(table[info]), f.ByteOrder.Uint16(versions) &^ 0x8000}) { // the top bit hides a version
				return
			}
		}
	}
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
