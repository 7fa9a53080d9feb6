package toolchain_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bedplate/bedplate/toolchain"
)

// An SDK from a file, pinned by its digest, becomes the current one.
func ExampleInstall() {
	dir, err := os.MkdirTemp("", "sdk")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	archive, digest := tinySDK(dir)
	ctx := context.Background()
	sdk := toolchain.SDK{
		Version: "1.26.8", Dir: filepath.Join(dir, "versions"), Use: true,
		Source: toolchain.Archive{Path: archive, SHA256: digest},
	}
	installation, err := toolchain.Install(ctx, sdk)
	if err != nil {
		fmt.Println(err)
		return
	}
	current, err := os.Readlink(filepath.Join(sdk.Dir, "current"))
	fmt.Println(installation.Version, current, err)
	fmt.Println("altered:", installation.Verify(ctx))
	changes, err := sdk.Ensure(ctx)
	fmt.Println("again:", len(changes), "changes", err)
	// Output:
	// go1.26.8 1.26.8 <nil>
	// altered: <nil>
	// again: 0 changes <nil>
}

func ExampleParseVersion() {
	v, err := toolchain.ParseVersion("1.26.8")
	fmt.Println(v, v.Minor(), err)
	_, err = toolchain.ParseVersion("latest")
	fmt.Println(err)
	// Output:
	// go1.26.8 1.26 <nil>
	// toolchain: version "latest" is no Go version; write it as 1.26.8 or go1.26.8
}

// tinySDK stands for an archive as it comes from go.dev/dl.
func tinySDK(dir string) (path, digest string) {
	path = filepath.Join(dir, "go1.26.8.linux-amd64.tar.gz")
	f, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	h := sha256.New()
	z := gzip.NewWriter(io.MultiWriter(f, h))
	w := tar.NewWriter(z)
	for _, e := range [][2]string{{"go/VERSION", "go1.26.8\n"}, {"go/bin/go", "the go command"}} {
		if err := w.WriteHeader(&tar.Header{Name: e[0], Typeflag: tar.TypeReg, Size: int64(len(e[1])), Mode: 0o755}); err != nil {
			panic(err)
		}
		if _, err := io.WriteString(w, e[1]); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return path, fmt.Sprintf("%x", h.Sum(nil))
}
