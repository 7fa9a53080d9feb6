package build

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Version is a version of a shared library's symbols that a file asks for, such
// as GLIBC_2.34 of libc.so.6. The loader refuses to start a program whose library
// has versions and lacks this one, unless it is weak.
type Version struct {
	Library string
	Name    string
	// Weak: only weak symbols ask for it; without it the program starts.
	Weak bool

	index uint16 // by which the symbols name it
}

// dynamic is what the loader reads of a file: by program headers and addresses.
// Section headers are for linkers and debuggers, and need not tell the truth.
type dynamic struct {
	needed   []string
	runpath  []string
	inherit  bool // runpath is DT_RPATH: what is loaded looks there too
	versions []Version
	defined  []string // the versions that a library offers
	// symbols of a library have versions, be they its own or of what it needs.
	versioned bool
	text      []byte // the names of libraries, versions and symbols
}

// What a file may make us read. Real ones stay far below.
const (
	maxDynamic  = 1 << 20
	maxStrings  = 16 << 20
	maxString   = 4096
	maxNeeded   = 1024
	maxRunpath  = 64 // directories
	maxDefined  = 4096
	maxVersions = 256 << 10
)

// loaded reads memory as the loader would lay it out.
type loaded struct{ f *elf.File }

// at gives up to max bytes of the file from an address on, within one segment.
func (l loaded) at(addr, max uint64) ([]byte, error) {
	for _, p := range l.f.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || addr-p.Vaddr >= p.Filesz {
			continue
		}
		b := make([]byte, min(max, p.Filesz-(addr-p.Vaddr)))
		n, err := p.ReadAt(b, int64(addr-p.Vaddr)) //nolint:gosec // below Filesz, which a file's size bounds
		if errors.Is(err, io.EOF) && n == len(b) {
			err = nil
		}
		return b[:n], err
	}
	return nil, fmt.Errorf("address %#x is in no loaded segment", addr)
}

func readDynamic(f *elf.File) (d dynamic, err error) {
	tags, needed, err := dynamicTags(f)
	if err != nil || tags == nil {
		return d, err
	}
	memory := loaded{f}
	var text []byte
	if size := tags[elf.DT_STRSZ]; size > maxStrings {
		return d, fmt.Errorf("DT_STRSZ is %d bytes, over %d", size, maxStrings)
	} else if size > 0 {
		if text, err = memory.at(tags[elf.DT_STRTAB], size); err != nil {
			return d, fmt.Errorf("DT_STRTAB: %w", err)
		}
	}
	str := func(at uint64) (string, error) {
		if at < uint64(len(text)) {
			if s, _, ok := bytes.Cut(text[at:min(uint64(len(text)), at+maxString)], []byte{0}); ok {
				return string(s), nil
			}
		}
		return "", fmt.Errorf("DT_STRTAB has no string of up to %d bytes at %d", maxString, at)
	}
	for _, at := range needed {
		s, err := str(at)
		if err != nil {
			return d, fmt.Errorf("DT_NEEDED: %w", err)
		}
		d.needed = append(d.needed, s)
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} { // the second replaces the first
		if at, ok := tags[tag]; ok {
			s, err := str(at)
			if err != nil {
				return d, fmt.Errorf("%s: %w", tag, err)
			}
			d.runpath, d.inherit = strings.Split(s, ":"), tag == elf.DT_RPATH
			if len(d.runpath) > maxRunpath {
				return d, fmt.Errorf("%s has over %d directories", tag, maxRunpath)
			}
		}
	}
	if d.versions, err = versionNeeds(f.ByteOrder, memory, tags, str); err != nil {
		return d, fmt.Errorf("DT_VERNEED: %w", err)
	}
	if d.defined, err = versionDefinitions(f.ByteOrder, memory, tags, str); err != nil {
		return d, fmt.Errorf("DT_VERDEF: %w", err)
	}
	_, d.versioned = tags[elf.DT_VERSYM]
	d.text = text
	return d, nil
}

// dynamicTags reads PT_DYNAMIC: each tag's value, and DT_NEEDED's many.
func dynamicTags(f *elf.File) (tags map[elf.DynTag]uint64, needed []uint64, err error) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_DYNAMIC {
			continue
		}
		if p.Filesz > maxDynamic {
			return nil, nil, fmt.Errorf("PT_DYNAMIC has %d bytes, over %d", p.Filesz, maxDynamic)
		}
		b, err := io.ReadAll(p.Open())
		if err != nil {
			return nil, nil, fmt.Errorf("PT_DYNAMIC: %w", err)
		}
		tags = map[elf.DynTag]uint64{}
		for word := 4 * int(f.Class); len(b) >= 2*word; b = b[2*word:] { // ELFCLASS32 is 1, ELFCLASS64 is 2
			tag, value := elf.DynTag(number(f.ByteOrder, b[:word])), number(f.ByteOrder, b[word:2*word]) //nolint:gosec // compared only
			switch tag {
			case elf.DT_NULL:
				return tags, needed, nil
			case elf.DT_NEEDED:
				if needed = append(needed, value); len(needed) > maxNeeded {
					return nil, nil, fmt.Errorf("PT_DYNAMIC needs over %d libraries", maxNeeded)
				}
			default:
				tags[tag] = value
			}
		}
		return tags, needed, nil
	}
	return nil, nil, nil
}

func number(order binary.ByteOrder, b []byte) uint64 {
	if len(b) == 4 {
		return uint64(order.Uint32(b))
	}
	return order.Uint64(b)
}

// records walks a chain of records, each of size bytes and holding the distance
// to the next, at most count of them. Distances only lead forward.
func records(order binary.ByteOrder, b []byte, size int, next int, count uint64, visit func(b []byte) error) error {
	for range count {
		if len(b) < size {
			return io.ErrUnexpectedEOF
		}
		if err := visit(b); err != nil {
			return err
		}
		distance := uint64(order.Uint32(b[next:]))
		if distance == 0 {
			return nil
		}
		if distance > uint64(len(b)) {
			return io.ErrUnexpectedEOF
		}
		b = b[distance:]
	}
	return nil
}

// versionNeeds reads Elf_Verneed (16 bytes) and its Elf_Vernaux (16 bytes).
func versionNeeds(order binary.ByteOrder, memory loaded, tags map[elf.DynTag]uint64, str func(uint64) (string, error)) (versions []Version, err error) {
	if tags[elf.DT_VERNEEDNUM] == 0 {
		return nil, nil
	}
	// Few files need more than the first read, and none so much that a second one hurts.
	for _, most := range []uint64{8 << 10, maxVersions} {
		b, err := memory.at(tags[elf.DT_VERNEED], most)
		if err != nil {
			return nil, err
		}
		if versions, err = parseNeeds(order, b, tags[elf.DT_VERNEEDNUM], str); !errors.Is(err, io.ErrUnexpectedEOF) || most == maxVersions {
			return versions, err
		}
	}
	return versions, nil
}

func parseNeeds(order binary.ByteOrder, b []byte, count uint64, str func(uint64) (string, error)) (versions []Version, err error) {
	return versions, records(order, b, 16, 12, count, func(need []byte) error {
		library, err := str(uint64(order.Uint32(need[4:])))
		if err != nil {
			return err
		}
		aux := uint64(order.Uint32(need[8:]))
		if aux > uint64(len(need)) {
			return io.ErrUnexpectedEOF
		}
		return records(order, need[aux:], 16, 12, uint64(order.Uint16(need[2:])), func(a []byte) error {
			name, err := str(uint64(order.Uint32(a[8:])))
			if len(versions) >= maxDefined {
				return fmt.Errorf("over %d versions", len(versions))
			}
			versions = append(versions, Version{library, name, order.Uint16(a[4:])&uint16(elf.VER_FLG_WEAK) != 0, order.Uint16(a[6:])})
			return err
		})
	})
}

// versionDefinitions reads Elf_Verdef (20 bytes) and the first of its
// Elf_Verdaux (8 bytes), which is the version's name; others are its parents.
func versionDefinitions(order binary.ByteOrder, memory loaded, tags map[elf.DynTag]uint64, str func(uint64) (string, error)) (names []string, err error) {
	if tags[elf.DT_VERDEFNUM] == 0 {
		return nil, nil
	}
	b, err := memory.at(tags[elf.DT_VERDEF], maxVersions)
	if err != nil {
		return nil, err
	}
	return names, records(order, b, 20, 16, tags[elf.DT_VERDEFNUM], func(def []byte) error {
		aux := uint64(order.Uint32(def[12:]))
		if aux+8 > uint64(len(def)) {
			return io.ErrUnexpectedEOF
		}
		if len(names) >= maxDefined {
			return fmt.Errorf("over %d versions", maxDefined)
		}
		name, err := str(uint64(order.Uint32(def[aux:])))
		names = append(names, name)
		return err
	})
}
