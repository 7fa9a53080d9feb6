package toolchain

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// OfficialURL is where the Go project publishes its releases.
const OfficialURL = "https://go.dev/dl"

// Official gets SDKs from the official download page or a mirror of it: by its
// JSON index where there is one, or else by archives with .sha256 files beside
// them. What vouches is the hash from the same place; see ModuleProxy for a
// stronger root.
type Official struct {
	// BaseURL is the page; "": OfficialURL.
	BaseURL string
	// Client sends the requests. Nil: one of our own.
	Client *http.Client
	// PlainHTTP follows redirects from https to plain http, which are refused
	// otherwise.
	PlainHTTP bool
	// Keyring is OpenPGP public keys, armoured or not. With it the archive's .asc
	// file must be a signature by one of them. Nil: no signature is asked for.
	Keyring []byte
}

func (o Official) web() web { return web{o.Client, o.PlainHTTP} }

func (o Official) base() string {
	if o.BaseURL == "" {
		return OfficialURL
	}
	return strings.TrimSuffix(o.BaseURL, "/")
}

// indexRelease is one release in the index (?mode=json&include=all).
type indexRelease struct {
	Version string      `json:"version"`
	Files   []indexFile `json:"files"`
}

type indexFile struct {
	Filename string `json:"filename"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	Kind     string `json:"kind"`
}

// parseIndex reads the JSON index. A page in its place is not taken for an
// empty one.
func parseIndex(b []byte) ([]indexRelease, error) {
	var releases []indexRelease
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&releases); err != nil {
		return nil, fmt.Errorf("the index is not the download page's JSON (%.40q): %w", b, err)
	}
	// What a later index calls its releases must not hide those that are known.
	known := slices.DeleteFunc(releases, func(r indexRelease) bool {
		_, err := ParseVersion(r.Version)
		return err != nil || !strings.HasPrefix(r.Version, "go")
	})
	if len(known) == 0 {
		return nil, fmt.Errorf("the index names no Go release (%.40q)", b)
	}
	return known, nil
}

func (o Official) index(ctx context.Context) ([]indexRelease, error) {
	b, err := text(ctx, o.web(), o.base()+"/?mode=json&include=all", 64<<20)
	if err != nil {
		return nil, err
	}
	return parseIndex(b)
}

// Releases lists the index. A mirror without one can't list.
func (o Official) Releases(ctx context.Context) (releases []Release, err error) {
	index, err := o.index(ctx)
	if err != nil {
		return nil, fmt.Errorf("toolchain: list of releases: %w; ask for an exact version of a mirror without an index", err)
	}
	for _, r := range index {
		release := Release{Version: Version(r.Version)}
		for _, f := range r.Files {
			if f.Kind == "archive" && strings.HasSuffix(f.Filename, ".tar.gz") {
				arch := f.Arch
				if arch == "armv6l" {
					arch = "arm"
				}
				release.Platforms = append(release.Platforms, Platform{f.OS, arch})
			}
		}
		releases = append(releases, release)
	}
	return releases, nil
}

// Open finds the archive and its hash in the index, or beside it.
func (o Official) Open(ctx context.Context, v Version, p Platform) (Artifact, error) {
	a, err := o.open(ctx, v, p)
	if err != nil || o.Keyring == nil {
		return a, err
	}
	if _, err := keyring(o.Keyring); err != nil {
		return a, err
	}
	a.Keyring = o.Keyring
	if a.Signature, err = text(ctx, o.web(), o.base()+"/"+a.Name+".asc", maxSignature); err != nil {
		return a, &SignatureError{a.Name, err}
	}
	return a, nil
}

func (o Official) open(ctx context.Context, v Version, p Platform) (Artifact, error) {
	name := string(v) + "." + p.suffix() + ".tar.gz"
	a := Artifact{Name: name, Format: TarGz, Vouched: "the index at " + o.base(), Fetch: fetchURL(o.web(), o.base()+"/"+name)}
	index, indexErr := o.index(ctx)
	if indexErr == nil {
		var all []Version
		for _, r := range index {
			for _, f := range r.Files {
				if strings.HasSuffix(f.Filename, "."+p.suffix()+".tar.gz") {
					all = append(all, Version(r.Version))
				}
				if r.Version == string(v) && f.Filename == name {
					a.Size = f.Size
					return a, a.setSHA256(f.SHA256)
				}
			}
		}
		return a, &NotFoundError{Version: v, Platform: p, Nearest: nearest(v, all)}
	}
	b, err := text(ctx, o.web(), o.base()+"/"+name+".sha256", 64<<10)
	if notFound(err) && o.Keyring != nil {
		return a, nil // the signature will do
	}
	if notFound(err) {
		return a, &NotFoundError{Version: v, Platform: p, Err: fmt.Errorf("no index (%w) and no hash: %w: %w", indexErr, ErrNoDigest, err)}
	}
	if err != nil {
		return a, fmt.Errorf("toolchain: %s: %w", name, err)
	}
	a.Vouched = name + ".sha256 at " + o.base()
	return a, a.setSHA256(string(b))
}

// setSHA256 takes a hash only if it is one: a mirror may answer with a page. The
// official .sha256 files hold the bare hash; mirrors made with sha256sum add the
// file's name.
func (a *Artifact) setSHA256(s string) error {
	hash, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	if b, err := hex.DecodeString(hash); err != nil || len(b) != 32 || strings.Contains(rest, "\n") {
		return fmt.Errorf("toolchain: %s: %s gives %.60q where 64 hex digits belong: %w", a.Name, a.whoseSHA256(), s, ErrNoDigest)
	}
	a.SHA256 = strings.ToLower(hash)
	return nil
}
