package toolchain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/internal/versiondir"
)

// Vouch is one word for an SDK: a digest that it had, and who gave it.
type Vouch struct {
	// Digest is "sha256:HEX" of the packed file, "h1:BASE64" of a module,
	// "openpgp:FINGERPRINT" of the key that signed, or "files:N" for N files that
	// another source's SDK has alike.
	Digest string `json:"digest"`
	// By is the checksum database, the index, the .sha256 file, the signer, ...
	By string `json:"by"`
}

// Receipt is what is known about an installation.
type Receipt struct {
	Version  Version
	Platform string
	Artifact string // the name of what was unpacked
	SHA256   string // its digest, whoever vouched for it
	Vouches  []Vouch
	Files    int
}

// Receipt reads what was recorded when the SDK was installed.
func (i Installation) Receipt() (Receipt, error) {
	root, err := rootfs.Open(i.root)
	if err != nil {
		return Receipt{}, wrap(err)
	}
	defer root.Close()
	r, err := i.receipt(root)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{r.Version, r.Platform, r.Artifact, r.SHA256, r.Vouches, len(r.Files)}, nil
}

func (r *receipt) vouch(digest, by string) {
	if v := (Vouch{digest, by}); !slices.Contains(r.Vouches, v) {
		r.Vouches = append(r.Vouches, v)
	}
}

// DisagreementError is two sources whose SDKs of one version have different files.
type DisagreementError struct {
	Version Version
	By      string   // the other source
	Paths   []string // that differ, or that only one of them has
}

func (e *DisagreementError) Error() string {
	some := strings.Join(e.Paths[:min(5, len(e.Paths))], ", ")
	if more := len(e.Paths) - 5; more > 0 {
		some += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("toolchain: %s is not what %s has of it: %s differ; trust neither until it is known why", e.Version, e.By, some)
}

// CrossCheck asks another source to vouch for an installation, and records it
// in the receipt. Where the two are packed alike their digests are compared.
// Where one is an archive and the other a module zip, the other is downloaded and
// unpacked beside the SDK, and compared with the receipt file by file. What an
// archive has below api, doc, misc and test is left out of a module zip; any
// other difference is a *DisagreementError.
func CrossCheck(ctx context.Context, i Installation, other Source) (Vouch, error) {
	sdk := SDK{Version: string(i.Version), Source: other, Dir: i.dir, Root: i.root, Platform: i.Platform, AllowEndOfLife: true}
	j, err := sdk.survey(ctx)
	if err != nil {
		return Vouch{}, err
	}
	defer j.close()
	store, err := j.versions()
	if err != nil {
		return Vouch{}, wrap(err)
	}
	defer store.Close()
	r, err := i.receipt(j.root)
	if err != nil {
		return Vouch{}, err
	}
	v, err := j.agree(ctx, store, other, r)
	if err != nil {
		return Vouch{}, wrap(err)
	}
	r.vouch(v.Digest, v.By)
	return v, wrap(r.save(j.root, j.dir, j.name))
}

// agree compares what a source has of the version with a receipt.
func (j *surveyed) agree(ctx context.Context, store *versiondir.Store, src Source, r *receipt) (Vouch, error) {
	a, err := j.withTiles(src).Open(ctx, j.version, j.sdk.Platform.orRunning())
	if err != nil {
		return Vouch{}, err
	}
	isZip := r.H1 != ""
	switch {
	case a.Format == TarGz && !isZip && a.SHA256 != "" && a.Signature == nil:
		if a.SHA256 != r.SHA256 {
			return Vouch{}, &DigestError{r.Artifact, a.Vouched, a.SHA256, r.SHA256}
		}
		return Vouch{"sha256:" + a.SHA256, a.Vouched}, nil
	case a.H1 != "" && isZip:
		if a.H1 != r.H1 {
			return Vouch{}, &DigestError{r.Artifact, a.Vouched, a.H1, r.H1}
		}
		return Vouch{a.H1, a.Vouched}, nil
	}
	staging, err := store.Stage(ctx, j.name+".check")
	if err != nil {
		return Vouch{}, err
	}
	files, err := j.filesOf(ctx, store, a, staging)
	if err != nil {
		return Vouch{}, err
	}
	common, odd := differing(r.Files, files)
	if len(odd) > 0 {
		return Vouch{}, &DisagreementError{j.version, a.Vouched, odd}
	}
	return Vouch{fmt.Sprintf("files:%d", common), a.Vouched}, nil
}

func (j *surveyed) filesOf(ctx context.Context, store *versiondir.Store, a Artifact, staging *versiondir.Staging) (files []hashedFile, err error) {
	defer func() {
		if discardErr := staging.Discard(); err == nil {
			err = discardErr
		}
	}()
	other, part, err := j.fetched(ctx, store, a, staging.Root)
	if err != nil {
		return nil, err
	}
	return other.Files, part.remove()
}

// differing counts the files that are alike, and gives the paths of those that
// are not or that one side lacks, sorted.
func differing(a, b []hashedFile) (common int, odd []string) {
	left := make(map[string]hashedFile, len(a))
	for _, f := range a {
		left[f.Path] = f
	}
	lone := func(path string) {
		top, _, _ := strings.Cut(path, "/")
		if !slices.Contains([]string{"api", "doc", "misc", "test"}, top) {
			odd = append(odd, path)
		}
	}
	for _, f := range b {
		switch of, ok := left[f.Path]; {
		case !ok:
			lone(f.Path)
		case of.SHA256 != f.SHA256: // modes are not in a module zip
			odd = append(odd, f.Path)
		default:
			common++
		}
		delete(left, f.Path)
	}
	for path := range left {
		lone(path)
	}
	slices.Sort(odd)
	return common, odd
}
