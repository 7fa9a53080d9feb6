package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Directory gets SDKs from a directory that holds what Official would serve:
// archives such as go1.26.8.linux-amd64.tar.gz, each with a .sha256 file beside
// it, or with an index.json, which is the download page's ?mode=json&include=all.
type Directory struct {
	Path string
	// Keyring is OpenPGP public keys, as for Official.
	Keyring []byte
}

// Releases lists the archives.
func (d Directory) Releases(context.Context) (releases []Release, err error) {
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		return nil, fmt.Errorf("toolchain: directory of SDKs: %w", err)
	}
	for _, e := range entries {
		if v, suffix, ok := archiveName(e.Name()); ok && strings.HasSuffix(e.Name(), ".tar.gz") {
			releases = append(releases, Release{v, []Platform{ofSuffix(suffix)}})
		}
	}
	return releases, nil
}

// Open finds the archive and its hash.
func (d Directory) Open(_ context.Context, v Version, p Platform) (Artifact, error) {
	name := string(v) + "." + p.suffix() + ".tar.gz"
	path := filepath.Join(d.Path, name)
	a := Artifact{Name: name, Format: TarGz, Vouched: path + ".sha256", Fetch: fetchFile(path)}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, &NotFoundError{Version: v, Platform: p, Err: err}
	}
	if err != nil {
		return a, fmt.Errorf("toolchain: %w", err)
	}
	a.Size = info.Size()
	if d.Keyring != nil {
		if _, err := keyring(d.Keyring); err != nil {
			return a, err
		}
		a.Keyring = d.Keyring
		if a.Signature, err = os.ReadFile(path + ".asc"); err != nil {
			return a, &SignatureError{name, err}
		}
	}
	hash, err := os.ReadFile(path + ".sha256")
	if err == nil {
		return a, a.setSHA256(string(hash))
	}
	if index, indexErr := os.ReadFile(filepath.Join(d.Path, "index.json")); indexErr == nil {
		a.Vouched = filepath.Join(d.Path, "index.json")
		releases, err := parseIndex(index)
		if err != nil {
			return a, fmt.Errorf("toolchain: %s: %w", a.Vouched, err)
		}
		for _, r := range releases {
			for _, f := range r.Files {
				if f.Filename == name {
					return a, a.setSHA256(f.SHA256)
				}
			}
		}
	}
	if a.Signature != nil {
		return a, nil
	}
	return a, fmt.Errorf("toolchain: %s: %w: %w", name, ErrNoDigest, err)
}

// Archive gets one SDK from one file: an official .tar.gz, or the module
// proxy's .zip. It has to be pinned: nobody else vouches for a file.
type Archive struct {
	Path string
	// SHA256 is the hex digest that the file must have. "": SDK.SHA256 has to be set.
	SHA256 string
}

// Releases gives the version that the file's name says; a file by another name
// can be asked for an exact version only.
func (a Archive) Releases(context.Context) ([]Release, error) {
	v, suffix, ok := archiveName(filepath.Base(a.Path))
	if !ok {
		return nil, fmt.Errorf("toolchain: the name %q says no version; ask for an exact one", filepath.Base(a.Path))
	}
	return []Release{{v, []Platform{ofSuffix(suffix)}}}, nil
}

// Open looks what kind of file it is. Whether it holds this version shows when
// it is unpacked.
func (a Archive) Open(_ context.Context, _ Version, _ Platform) (Artifact, error) {
	out := Artifact{Name: filepath.Base(a.Path), Format: TarGz, Vouched: "the caller's pin", Fetch: fetchFile(a.Path)}
	f, err := os.Open(a.Path)
	if err != nil {
		return out, fmt.Errorf("toolchain: archive: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return out, err
	}
	out.Size = info.Size()
	magic := make([]byte, 2)
	if _, err := io.ReadFull(f, magic); err != nil {
		return out, fmt.Errorf("toolchain: archive %s is empty: %w", a.Path, err)
	}
	if string(magic) == "PK" {
		out.Format = ModuleZip
	}
	if a.SHA256 == "" {
		return out, nil
	}
	return out, out.setSHA256(a.SHA256)
}
