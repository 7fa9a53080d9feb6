package toolchain_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
)

// hostileNames are refused in any kind of archive, after its prefix.
var hostileNames = []string{
	"../evil", "../../evil", "a/../../evil", "a/../b", "./a", "a/./b", "a//b", "/evil", "//evil", "..", "a/..", ".",
	`..\evil`, `a\b`, `C:\evil`, "a\x00b", "a\nb", "a\rb", "\x1b[2J", "a\x7fb", "a/", "\xff\xfe", "a/\xc0\xae\xc0\xae/b",
}

// hostileTars are archives with the right digest that no SDK is.
func hostileTars(t testing.TB) map[string][]byte {
	good := []entry{file("go/VERSION", "go1.26.8\n"), file("go/bin/go", "")}
	with := func(more ...entry) []byte { return pack(t, append(append([]entry(nil), good...), more...)...) }
	typed := func(flag byte, name, link string, mode int64) entry {
		return entry{tar.Header{Name: name, Typeflag: flag, Linkname: link, Mode: mode}, ""}
	}
	whole := with()
	tars := map[string][]byte{
		"symlink out":             with(typed(tar.TypeSymlink, "go/x", "/etc", 0o777), file("go/x/evil", "evil")),
		"symlink up":              with(typed(tar.TypeSymlink, "go/x", "../..", 0o777)),
		"symlink in":              with(typed(tar.TypeSymlink, "go/x", "VERSION", 0o777)),
		"hard link out":           with(typed(tar.TypeLink, "go/x", "/etc/passwd", 0o644)),
		"hard link in":            with(typed(tar.TypeLink, "go/x", "go/VERSION", 0o644)),
		"character device":        with(typed(tar.TypeChar, "go/x", "", 0o644)),
		"block device":            with(typed(tar.TypeBlock, "go/x", "", 0o644)),
		"FIFO":                    with(typed(tar.TypeFifo, "go/x", "", 0o644)),
		"contiguous file":         with(typed(tar.TypeCont, "go/x", "", 0o644)),
		"unknown type":            with(typed('Z', "go/x", "", 0o644)),
		"setuid":                  with(typed(tar.TypeReg, "go/x", "", 0o4755)),
		"setgid":                  with(typed(tar.TypeReg, "go/x", "", 0o2755)),
		"sticky":                  with(typed(tar.TypeReg, "go/x", "", 0o1755)),
		"setuid in PAX":           with(entry{tar.Header{Name: "go/" + strings.Repeat("x", 300), Typeflag: tar.TypeReg, Mode: 0o4755, Format: tar.FormatPAX}, ""}),
		"the same file twice":     with(file("go/VERSION", "go1.26.8\n")),
		"file, then directory":    with(file("go/x", ""), file("go/x/y", "")),
		"directory, then file":    with(file("go/x/y", ""), file("go/x", "")),
		"directory over file":     with(file("go/x", ""), typed(tar.TypeDir, "go/x/", "", 0o755)),
		"root is a file":          pack(t, file("go", "")),
		"root is a link":          pack(t, typed(tar.TypeSymlink, "go", "/etc", 0o777), file("go/VERSION", "")),
		"no prefix":               pack(t, file("VERSION", "go1.26.8\n"), file("bin/go", "")),
		"other prefix":            pack(t, file("evil/VERSION", "go1.26.8\n")),
		"prefix's prefix":         with(file("gone/x", "")),
		"second prefix":           with(file("etc/passwd", "")),
		"too large a file":        with(entry{tar.Header{Name: "go/x", Typeflag: tar.TypeReg, Size: 0, Mode: 0o644}, ""}),
		"empty":                   {},
		"empty archive":           pack(t),
		"only directories":        pack(t, typed(tar.TypeDir, "go/", "", 0o755)),
		"no VERSION":              pack(t, file("go/bin/go", "")),
		"no go command":           pack(t, file("go/VERSION", "go1.26.8\n")),
		"another version":         pack(t, file("go/VERSION", "go1.26.7\n"), file("go/bin/go", "")),
		"longer version":          pack(t, file("go/VERSION", "go1.26.8evil\n"), file("go/bin/go", "")),
		"no gzip":                 []byte("this is text, not gzip"),
		"gzip of no tar":          gzipped(t, bytes.Repeat([]byte("x"), 4096)),
		"a page":                  []byte("<!DOCTYPE html>"),
		"truncated in the middle": whole[:len(whole)/2],
		"truncated at the end":    whole[:len(whole)-4],
		"wrong checksum":          append(append([]byte(nil), whole[:len(whole)-8]...), 0, 0, 0, 0, 0, 0, 0, 0),
		"name of 5,000 bytes":     with(file("go/"+strings.Repeat("x", 5000), "")),
		"path of 10,000 bytes":    with(file("go/"+strings.Repeat("x/", 5000)+"y", "")),
	}
	for _, name := range hostileNames {
		if name == "a/" || strings.Contains(name, "\x00") {
			continue // no file in a tar, or can't be said
		}
		tars[fmt.Sprintf("file %q", name)] = with(file("go/"+name, "evil"))
		tars[fmt.Sprintf("directory %q", name)] = with(typed(tar.TypeDir, "go/"+name+"/", "", 0o755))
	}
	for _, name := range []string{"/etc/evil", "../evil", "../go/evil", "./go/evil", "go/../evil", ""} {
		tars[fmt.Sprintf("bare %q", name)] = with(file(name, "evil"))
	}
	delete(tars, "too large a file")
	tars["file of 2 GiB"] = header(t, 2<<30)
	tars["file of 8 EiB"] = header(t, 1<<62)
	return tars
}

// header is an archive that ends after a header with a size.
func header(t testing.TB, size int64) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "go/x", Typeflag: tar.TypeReg, Size: size, Mode: 0o644}))
	return gzipped(t, b.Bytes())
}

func gzipped(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

const module = "golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64/"

// zipped makes a module zip; a function changes each header.
func zipped(t testing.TB, change func(*zip.FileHeader), names ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range append([]string{module + "VERSION", module + "bin/go"}, names...) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		if change != nil && name != module+"VERSION" {
			change(h)
		}
		f, err := w.CreateHeader(h)
		require.NoError(t, err)
		if !strings.HasSuffix(name, "/") {
			_, err = f.Write([]byte("go1.26.8\n"))
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func hostileZips(t testing.TB) map[string][]byte {
	mode := func(m fs.FileMode) func(*zip.FileHeader) { return func(h *zip.FileHeader) { h.SetMode(m) } }
	whole := zipped(t, nil)
	zips := map[string][]byte{
		"zip symlink":              zipped(t, mode(fs.ModeSymlink|0o777)),
		"zip device":               zipped(t, mode(fs.ModeDevice|0o644)),
		"zip FIFO":                 zipped(t, mode(fs.ModeNamedPipe|0o644)),
		"zip socket":               zipped(t, mode(fs.ModeSocket|0o644)),
		"zip the same twice":       zipped(t, nil, module+"x", module+"x"),
		"zip both go.mod":          zipped(t, nil, module+"src/go.mod", module+"src/_go.mod"),
		"zip file and directory":   zipped(t, nil, module+"x", module+"x/y"),
		"zip directory and file":   zipped(t, nil, module+"x/y", module+"x"),
		"zip other module":         zipped(t, nil, "golang.org/x/mod@v0.1.0/x"),
		"zip other version":        zipped(t, nil, "golang.org/toolchain@v0.0.1-go1.26.7.linux-amd64/x"),
		"zip truncated":            whole[:len(whole)-10],
		"zip without its end":      whole[:len(whole)/2],
		"zip content not its CRC":  bytes.Replace(whole, whole[len(module)+40:len(module)+44], []byte("\xff\xff\xff\xff"), 1),
		"zip with nothing":         append([]byte("PK\x05\x06"), make([]byte, 18)...),
		"zip of an unknown method": bytes.ReplaceAll(whole, []byte("\x08\x00\x08\x00"), []byte("\x08\x00\x63\x00")),
	}
	for _, name := range hostileNames {
		if name == "a/" {
			continue // a directory, which is no harm
		}
		zips[fmt.Sprintf("zip %q", name)] = zipped(t, nil, module+name)
	}
	return zips
}

func TestHostileArchives(t *testing.T) {
	archives := hostileTars(t)
	for name, b := range hostileZips(t) {
		archives[name] = b
	}
	require.Greater(t, len(archives), 100)
	for name, b := range archives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer := t.TempDir()
			dir := filepath.Join(outer, "a", "b", "go")
			require.NoError(t, os.MkdirAll(dir, 0o755))
			_, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Source: archive(t, b), Use: true})
			nothing(t, dir, err)
			require.NotContains(t, err.Error(), "\x1b")
			require.NoError(t, filepath.WalkDir(outer, func(p string, d fs.DirEntry, err error) error {
				require.NotContains(t, d.Name(), "evil")
				if err == nil && d.Type()&fs.ModeSymlink != 0 {
					t.Errorf("link %s", p)
				}
				return err
			}))
		})
	}
	t.Logf("%d kinds", len(archives))
}

func TestHarmlessArchives(t *testing.T) {
	global := entry{tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "x"}}, ""}
	for name, b := range map[string][]byte{
		"global header": pack(t, global, file("go/VERSION", "go1.26.8\n"), file("go/bin/go", "")),
		"long name":     pack(t, file("go/VERSION", "go1.26.8\n"), file("go/bin/go", ""), file("go/"+strings.Repeat(strings.Repeat("x", 90)+"/", 8)+"ü", "")),
		"zip":           zipped(t, nil, module+"src/_go.mod", module+"lib/", module+"lib/x"),
	} {
		t.Run(name, func(t *testing.T) {
			i, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: t.TempDir(), Platform: linux, Source: archive(t, b)})
			require.NoError(t, err)
			require.NoError(t, i.Verify(t.Context()))
		})
	}
}
