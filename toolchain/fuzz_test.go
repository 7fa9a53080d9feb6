package toolchain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`[{"version":"go1.26.8","stable":true,"files":[{"filename":"go1.26.8.linux-amd64.tar.gz","os":"linux","arch":"amd64","version":"go1.26.8","sha256":"00","size":1,"kind":"archive"}]}]`))
	f.Add([]byte(`<!DOCTYPE html>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		releases, err := parseIndex(b)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		for _, r := range releases {
			_, err := ParseVersion(r.Version)
			require.NoError(t, err)
		}
	})
}

func FuzzReceipt(f *testing.F) {
	r := receipt{Version: "go1.26.8", Platform: "linux/amd64", Artifact: "a.tar.gz", SHA256: strings.Repeat("0", 64), Vouches: []Vouch{{"sha256:0", "index"}},
		Files: []hashedFile{{"VERSION", strings.Repeat("a", 64), 9, false}, {"bin/go", strings.Repeat("b", 64), 1, true}}}
	b, err := r.encode()
	require.NoError(f, err)
	f.Add(b)
	f.Add(bytes.Replace(b, []byte("bin/go"), []byte("../bin"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeReceipt(b)
		if err != nil {
			return
		}
		for _, f := range r.Files {
			require.True(t, filepath.IsLocal(f.Path), f.Path)
		}
		encoded, err := r.encode()
		require.NoError(t, err)
		again, err := decodeReceipt(encoded)
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}

func TestReceiptsThatLeadAstray(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for name, files := range map[string][]hashedFile{
		"none":      nil,
		"up":        {{"../x", sum, 1, false}},
		"absolute":  {{"/x", sum, 1, false}},
		"negative":  {{"x", sum, -1, false}},
		"no hash":   {{"x", "", 1, false}},
		"twice":     {{"x", sum, 1, false}, {"x", sum, 1, false}},
		"not clean": {{"x//y", sum, 1, false}},
	} {
		b, err := (&receipt{Version: "go1.26.8", Files: files}).encode()
		require.NoError(t, err)
		_, err = decodeReceipt(b)
		require.Error(t, err, name)
	}
	_, err := decodeReceipt([]byte("{"))
	require.Error(t, err)
}

// FuzzArchive unpacks anything as an archive of either kind: nothing may appear
// outside the tree, nothing but files and directories inside it.
func FuzzArchive(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "go/VERSION", Typeflag: tar.TypeReg, Mode: 0o644}, {Name: "go/x", Typeflag: tar.TypeSymlink, Linkname: "/etc", Mode: 0o777},
		{Name: "go/x/evil", Typeflag: tar.TypeReg, Mode: 0o644}, {Name: "go/../evil", Typeflag: tar.TypeReg, Mode: 0o4644},
	} {
		require.NoError(f, w.WriteHeader(&h))
		f.Add(false, b.Bytes())
	}
	f.Add(true, []byte("PK\x05\x06"+strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, isZip bool, content []byte) {
		if isZip {
			fuzzed(t, func(tr *tree) error {
				_, err := unpackZip(context.Background(), tr, bytes.NewReader(content), int64(len(content)))
				return err
			})
			return
		}
		var packed bytes.Buffer
		z, err := gzip.NewWriterLevel(&packed, gzip.NoCompression)
		require.NoError(t, err)
		_, err = z.Write(content)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		fuzzed(t, func(tr *tree) error {
			return unpackTarGz(context.Background(), tr, func(context.Context) io.Reader { return &packed })
		})
	})
}

func fuzzed(t *testing.T, unpack func(*tree) error) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "a", "tree")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	tr, err := newTree(root)
	require.NoError(t, err)
	err = unpack(tr)
	require.NoError(t, tr.close())
	require.NoError(t, filepath.WalkDir(outer, func(p string, d os.DirEntry, walkErr error) error {
		if walkErr == nil && !d.IsDir() {
			require.True(t, d.Type().IsRegular(), p)
			require.True(t, strings.HasPrefix(p, dir+"/"), p)
		}
		return walkErr
	}))
	if err != nil {
		return
	}
	diffs, err := compare(context.Background(), root, tr.files)
	require.NoError(t, err)
	require.Empty(t, diffs, "what was unpacked is what was recorded")
}
