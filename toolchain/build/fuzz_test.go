package build

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallELF is a dynamic file of 512 bytes: program headers, an interpreter, one
// needed library and one version of it, and no section.
func smallELF() []byte {
	b := make([]byte, 512)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], uint16(elf.ET_DYN))
	le.PutUint16(b[18:], uint16(elf.EM_X86_64))
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], 64)
	for i, size := range []uint16{64, 56, 3, 64} {
		le.PutUint16(b[52+2*i:], size)
	}
	for i, p := range []struct {
		kind      elf.ProgType
		off, size uint64
	}{{elf.PT_LOAD, 0, 512}, {elf.PT_INTERP, 232, 8}, {elf.PT_DYNAMIC, 240, 112}} {
		h := b[64+56*i:]
		le.PutUint32(h, uint32(p.kind))
		le.PutUint64(h[8:], p.off)
		le.PutUint64(h[16:], p.off)
		le.PutUint64(h[32:], p.size)
		le.PutUint64(h[40:], p.size)
	}
	copy(b[232:], "/lib/ld\x00")
	for i, tag := range [][2]uint64{
		{uint64(elf.DT_STRTAB), 400}, {uint64(elf.DT_STRSZ), 112}, {uint64(elf.DT_NEEDED), 1}, {uint64(elf.DT_RUNPATH), 22},
		{uint64(elf.DT_VERNEED), 352}, {uint64(elf.DT_VERNEEDNUM), 1},
	} {
		le.PutUint64(b[240+16*i:], tag[0])
		le.PutUint64(b[248+16*i:], tag[1])
	}
	copy(b[352:], "\x01\x00\x01\x00\x01\x00\x00\x00\x10\x00\x00\x00")
	le.PutUint32(b[376:], 11)
	copy(b[400:], "\x00libc.so.6\x00GLIBC_2.34\x00$ORIGIN")
	return b
}

func TestInspectSmallest(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(name, smallELF(), 0o600))
	b, err := Inspect(name)
	require.NoError(t, err)
	require.Equal(t, "/lib/ld, libc.so.6, GLIBC_2.34", b.Needs())
	require.Equal(t, []Version{{Library: "libc.so.6", Name: "GLIBC_2.34"}}, b.Versions)
	require.Equal(t, "amd64", b.Arch)
}

// FuzzInspect reads from memory: a file system would be most of the time.
func FuzzInspect(f *testing.F) {
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shell[:4096])
	f.Add(smallELF())
	f.Add([]byte(elf.ELFMAG))
	empty := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 16<<10 {
			return // a small file has all that can be wrong, and is tried more often
		}
		// An error or a result, never a panic.
		binary, err := inspect(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			if err := Compatible(binary, Host{Root: empty, Arch: binary.Arch}); binary.Static() {
				require.NoError(t, err, "what needs nothing starts everywhere")
			}
		}
	})
}
