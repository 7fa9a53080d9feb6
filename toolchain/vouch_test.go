package toolchain_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
)

// signer makes a key and gives its armoured public part.
func signer(t testing.TB, name string) (*openpgp.Entity, []byte) {
	t.Helper()
	e, err := openpgp.NewEntity(name, "", name+"@example.com", nil)
	require.NoError(t, err)
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	require.NoError(t, err)
	require.NoError(t, e.Serialize(w))
	require.NoError(t, w.Close())
	return e, b.Bytes()
}

func signature(t testing.TB, e *openpgp.Entity, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, openpgp.ArmoredDetachSign(&b, e, bytes.NewReader(content), nil))
	return b.Bytes()
}

func TestSignatures(t *testing.T) {
	good, keys := signer(t, "good")
	other, _ := signer(t, "other")
	for name, c := range map[string]struct {
		asc  func(b []byte) []byte
		keys []byte
		says string
	}{
		"good":               {func(b []byte) []byte { return signature(t, good, b) }, keys, ""},
		"another's":          {func(b []byte) []byte { return signature(t, other, b) }, keys, "no good signature"},
		"of something else":  {func([]byte) []byte { return signature(t, good, []byte("x")) }, keys, "no good signature"},
		"a page":             {func([]byte) []byte { return []byte("<!DOCTYPE html>") }, keys, "no good signature"},
		"empty":              {func([]byte) []byte { return []byte{} }, keys, "no good signature"},
		"none":               {nil, keys, "no good signature"},
		"keyring of no keys": {func(b []byte) []byte { return signature(t, good, b) }, []byte("no keys"), "OpenPGP public keys"},
	} {
		for _, noIndex := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", noIndex), func(t *testing.T) {
				t.Parallel()
				p, dir, files := serve(t, "go1.26.8"), scratch(t), t.TempDir()
				p.noIndex = noIndex
				b := p.files[tarball]
				require.NoError(t, os.WriteFile(filepath.Join(files, tarball), b, 0o600))
				if c.asc != nil {
					p.files[tarball+".asc"] = c.asc(b)
					require.NoError(t, os.WriteFile(filepath.Join(files, tarball+".asc"), c.asc(b), 0o600))
				}
				sources := map[string]toolchain.Source{
					"official":  toolchain.Official{BaseURL: p.URL, Keyring: c.keys},
					"directory": toolchain.Directory{Path: files, Keyring: c.keys}, // which has no hash
				}
				for where, source := range sources {
					sdk := toolchain.SDK{Version: "1.26.8", Dir: filepath.Join(dir, where), Platform: linux, Source: source}
					require.NoError(t, os.Mkdir(sdk.Dir, 0o755))
					i, err := toolchain.Install(t.Context(), sdk)
					if c.says != "" {
						nothing(t, sdk.Dir, err)
						require.ErrorContains(t, err, c.says)
						continue
					}
					require.NoError(t, err)
					r, err := i.Receipt()
					require.NoError(t, err)
					last := r.Vouches[len(r.Vouches)-1]
					require.Equal(t, fmt.Sprintf("openpgp:%x", good.PrimaryKey.Fingerprint), last.Digest)
					require.Equal(t, "the signature of good <good@example.com>", last.By)
				}
			})
		}
	}
}

func TestSignatureIsEnoughWithoutHash(t *testing.T) {
	good, keys := signer(t, "good")
	p := serve(t, "go1.26.8")
	p.noIndex = true
	p.files[tarball+".asc"] = signature(t, good, p.files[tarball])
	p.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			http.NotFound(w, r)
			return true
		}
		return false
	}
	i, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: scratch(t), Platform: linux, Source: toolchain.Official{BaseURL: p.URL, Keyring: keys}})
	require.NoError(t, err)
	r, err := i.Receipt()
	require.NoError(t, err)
	require.Len(t, r.Vouches, 1)
	require.Equal(t, sum(p.files[tarball]), r.SHA256)
}

// pair is one SDK as an archive and as a module zip.
func pair(t testing.TB, version string, more ...entry) (tar, zipFile toolchain.Archive) {
	t.Helper()
	entries := append([]entry{file("go/VERSION", version+"\n"), file("go/bin/go", "go"), file("go/src/go.mod", "module std\n"), file("go/src/fmt/print.go", "package fmt\n")}, more...)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries[:4] {
		f, err := w.Create("golang.org/toolchain@v0.0.1-" + version + ".linux-amd64/" + strings.Replace(strings.TrimPrefix(e.Name, "go/"), "go.mod", "_go.mod", 1))
		require.NoError(t, err)
		_, err = f.Write([]byte(e.content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return archive(t, pack(t, entries...)), archive(t, b.Bytes())
}

func TestCrossCheck(t *testing.T) {
	tar, zipped := pair(t, "go1.26.8", file("go/test/x.go", "package x\n"), file("go/doc/a.html", ""))
	install := func(source toolchain.Source, also ...toolchain.Source) (toolchain.Installation, error) {
		return toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: scratch(t), Platform: linux, Source: source, Also: also})
	}
	for name, of := range map[string][2]toolchain.Source{"zip of tar": {tar, zipped}, "tar of zip": {zipped, tar}} {
		t.Run(name, func(t *testing.T) {
			i, err := install(of[0])
			require.NoError(t, err)
			v, err := toolchain.CrossCheck(t.Context(), i, of[1])
			require.NoError(t, err)
			require.Equal(t, "files:4", v.Digest)
			r, err := i.Receipt()
			require.NoError(t, err)
			require.Len(t, r.Vouches, 2)
			_, err = toolchain.CrossCheck(t.Context(), i, of[1])
			require.NoError(t, err)
			again, err := i.Receipt()
			require.NoError(t, err)
			require.Equal(t, r, again)
			require.NoError(t, i.Verify(t.Context()))
			i, err = install(of[0], of[1])
			require.NoError(t, err)
			r, err = i.Receipt()
			require.NoError(t, err)
			require.Len(t, r.Vouches, 2)
		})
	}
	changed, _ := pair(t, "go1.26.8", file("go/src/fmt/evil.go", "package fmt\n"))
	i, err := install(zipped)
	require.NoError(t, err)
	_, err = toolchain.CrossCheck(t.Context(), i, changed)
	var odd *toolchain.DisagreementError
	require.ErrorAs(t, err, &odd)
	require.Equal(t, []string{"src/fmt/evil.go"}, odd.Paths)
	_, err = toolchain.CrossCheck(t.Context(), i, toolchain.Archive{Path: tar.Path, SHA256: strings.Repeat("0", 64)})
	var digest *toolchain.DigestError
	require.ErrorAs(t, err, &digest)
	i, err = install(tar)
	require.NoError(t, err)
	_, err = toolchain.CrossCheck(t.Context(), i, changed)
	require.ErrorAs(t, err, &digest, "two archives are compared whole")

	dir := t.TempDir()
	_, err = toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Source: zipped, Also: []toolchain.Source{changed}})
	require.ErrorAs(t, err, &odd)
	nothing(t, dir, err)
}

func TestDirectory(t *testing.T) {
	p, dir := serve(t, "go1.26.8"), t.TempDir()
	source := toolchain.Directory{Path: dir}
	sdk := toolchain.SDK{Version: "1.26.x", Dir: scratch(t), Platform: linux, Source: source}
	require.NoError(t, os.WriteFile(filepath.Join(dir, tarball), p.files[tarball], 0o600))
	_, err := toolchain.Install(t.Context(), sdk)
	require.ErrorIs(t, err, toolchain.ErrNoDigest)
	resp, err := http.Get(p.URL + "/?mode=json&include=all")
	require.NoError(t, err)
	defer resp.Body.Close()
	var index bytes.Buffer
	_, err = index.ReadFrom(resp.Body)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), index.Bytes(), 0o600))
	i, err := toolchain.Install(t.Context(), sdk)
	require.NoError(t, err)
	r, err := i.Receipt()
	require.NoError(t, err)
	require.Equal(t, []toolchain.Vouch{{Digest: "sha256:" + sum(p.files[tarball]), By: filepath.Join(dir, "index.json")}}, r.Vouches)
}
