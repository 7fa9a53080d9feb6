package layout_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/bedplate/bedplate/layout"
)

func pack(t testing.TB, compress bool, headers ...tar.Header) io.ReadSeeker {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = nopCloser{&b}
	if compress {
		w = gzip.NewWriter(&b)
	}
	tw := tar.NewWriter(w)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = 4
		}
		require.NoError(t, tw.WriteHeader(&h))
		if h.Size > 0 {
			_, err := tw.Write([]byte("data"))
			require.NoError(t, err)
		}
	}
	require.NoError(t, tw.Close())
	require.NoError(t, w.Close())
	return bytes.NewReader(b.Bytes())
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestTar(t *testing.T) {
	r := shelf(t)
	headers := []tar.Header{{Name: "./"}, {Name: "./a/b/c", Mode: 0o755}, {Name: "a/"}, {Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "../a/b"}}
	headers[0].Typeflag, headers[2].Typeflag = tar.TypeDir, tar.TypeDir
	var ids []string
	for _, compress := range []bool{false, true} {
		rel, err := r.Stage(t.Context(), layout.Staging{Contents: layout.Tar(pack(t, compress, headers...))})
		require.NoError(t, err)
		require.NoError(t, r.Verify(t.Context(), rel.ID))
		ids = append(ids, rel.ID)
	}
	require.Equal(t, ids[0], ids[1])
	same, err := r.Stage(t.Context(), layout.Staging{Contents: layout.TreeFS(fstest.MapFS{"a/b/c": {Data: []byte("data"), Mode: 0o755}, "a/l": {Data: []byte("../a/b"), Mode: fs.ModeSymlink}})})
	require.NoError(t, err)
	require.Equal(t, ids[0], same.ID, "an archive and a tree with the same files are the same release")
}

func TestSpool(t *testing.T) {
	r := shelf(t)
	archive, err := io.ReadAll(pack(t, true, tar.Header{Name: "bin/app", Mode: 0o755}))
	require.NoError(t, err)
	known, err := r.Stage(t.Context(), layout.Staging{Contents: layout.Tar(bytes.NewReader(archive)), Label: "v1"})
	require.NoError(t, err)
	sum := sha256.Sum256(archive)
	dir := t.TempDir()
	for _, digest := range []string{"", hex.EncodeToString(sum[:])} {
		s, err := layout.Spool(io.MultiReader(bytes.NewReader(archive)), dir, digest)
		require.NoError(t, err)
		other := shelf(t)
		rel, err := other.Stage(t.Context(), layout.Staging{Contents: s, Label: "v1", ID: known.ID})
		require.NoError(t, err)
		require.Equal(t, known.ID, rel.ID)
		require.NoError(t, other.Verify(t.Context(), rel.ID))
		_, err = other.Stage(t.Context(), layout.Staging{Contents: s, Label: "v2", ID: known.ID})
		require.ErrorIs(t, err, layout.ErrContent)
		require.ErrorContains(t, err, "wanted "+known.ID)
		require.NoError(t, s.Close())
	}
	_, err = layout.Spool(bytes.NewReader(archive[1:]), dir, hex.EncodeToString(sum[:]))
	require.ErrorIs(t, err, layout.ErrContent)
	_, err = layout.Spool(iotest.ErrReader(io.ErrUnexpectedEOF), dir, "")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Empty(t, names(t, dir))
}

// TestHostileContents: nothing of them is published, and nothing is left.
func TestHostileContents(t *testing.T) {
	r := shelf(t)
	untouched := snapshot(t, r.Root)
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
	}
	cut, err := io.ReadAll(pack(t, true, tar.Header{Name: "a"}))
	require.NoError(t, err)
	flipped := bytes.Clone(cut)
	flipped[len(flipped)-6] ^= 1
	for name, c := range map[string]layout.Contents{
		"absolute":        layout.Tar(pack(t, false, tar.Header{Name: "/etc/passwd"})),
		"up":              layout.Tar(pack(t, false, tar.Header{Name: "../x"})),
		"up inside":       layout.Tar(pack(t, false, tar.Header{Name: "a/../../x"})),
		"twice":           layout.Tar(pack(t, false, tar.Header{Name: "a"}, tar.Header{Name: "a"})),
		"through a file":  layout.Tar(pack(t, false, tar.Header{Name: "a"}, tar.Header{Name: "a/b"})),
		"through a link":  layout.Tar(pack(t, false, link("a", "."), tar.Header{Name: "a/b"})),
		"link away":       layout.Tar(pack(t, false, link("a", "/etc"))),
		"link up":         layout.Tar(pack(t, false, link("a", "../x"))),
		"link up later":   layout.Tar(pack(t, false, link("d/a", "../../x"))),
		"link chain":      layout.Tar(pack(t, false, link("d/l", ".."), link("m", "d/l/.."))),
		"empty link":      layout.Tar(pack(t, false, link("a", ""))),
		"hard link":       layout.Tar(pack(t, false, tar.Header{Name: "a"}, tar.Header{Name: "b", Typeflag: tar.TypeLink, Linkname: "a"})),
		"device":          layout.Tar(pack(t, false, tar.Header{Name: "a", Typeflag: tar.TypeChar})),
		"fifo":            layout.Tar(pack(t, false, tar.Header{Name: "a", Typeflag: tar.TypeFifo})),
		"setuid":          layout.Tar(pack(t, false, tar.Header{Name: "a", Mode: 0o4755})),
		"setuid file":     layout.TreeFS(fstest.MapFS{"a": {Mode: 0o755 | fs.ModeSetuid}}),
		"socket":          layout.TreeFS(fstest.MapFS{"a": {Mode: fs.ModeSocket}}),
		"newline":         layout.Tar(pack(t, false, tar.Header{Name: "a\nb"})),
		"not UTF-8":       layout.Tar(pack(t, false, tar.Header{Name: "a\xff"})),
		"the manifest":    layout.Tar(pack(t, false, tar.Header{Name: layout.ManifestName})),
		"long name":       layout.Tar(pack(t, false, tar.Header{Name: strings.Repeat("n", 256)})),
		"no files":        layout.Tar(pack(t, false)),
		"empty":           layout.TreeFS(fstest.MapFS{}),
		"nothing":         nil,
		"no archive":      layout.Tar(strings.NewReader("<!DOCTYPE html>" + strings.Repeat(" ", 600))),
		"cut":             layout.Tar(bytes.NewReader(cut[:len(cut)-9])),
		"checksum":        layout.Tar(bytes.NewReader(flipped)),
		"changes":         &changing{},
		"grows":           &changing{grow: true},
		"changes to link": &changing{link: true},
	} {
		_, err := r.Stage(t.Context(), layout.Staging{Contents: fromTest(c)})
		require.Error(t, err, name)
		left := snapshot(t, r.Root)
		for p := range left {
			if strings.HasSuffix(p, ".lock") {
				delete(left, p)
			}
		}
		dir := untouched["/opt/app/releases"]
		dir.modified, dir.change = left["/opt/app/releases"].modified, left["/opt/app/releases"].change
		untouched["/opt/app/releases"] = dir
		require.Equal(t, untouched, left, name)
	}
	_, err = r.Stage(t.Context(), layout.Staging{Contents: contents("x"), Label: "../x"})
	require.ErrorContains(t, err, "label")
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"label":"v1","build":{"a":"b"},"files":[{"path":"a","kind":"directory"},{"path":"a/b","kind":"file","executable":true,"size":4,"sha256":"3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"},{"path":"l","kind":"symlink","target":"a/b"}]}`))
	f.Add([]byte(`{"files":[{"path":"l","kind":"symlink","target":"../x"}]}`))
	f.Add([]byte(`{"files":[]} x`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := layout.ParseManifest(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		require.NoError(t, err)
		twice, err := layout.ParseManifest(again)
		require.NoError(t, err)
		require.Equal(t, m.ID(), twice.ID())
		for _, file := range m.Files {
			require.True(t, filepath.IsLocal(file.Path))
			if file.Kind == "symlink" {
				require.True(t, filepath.IsLocal(filepath.Join(filepath.Dir(file.Path), file.Target)))
			}
		}
	})
}
