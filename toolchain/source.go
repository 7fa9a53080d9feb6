package toolchain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Source is where SDKs come from and who vouches for them. ModuleProxy,
// Official, Directory and Archive are sources.
type Source interface {
	// Releases lists what there is, in any order. A source may know of fewer
	// than it can open: an exact version is opened without being listed.
	Releases(ctx context.Context) ([]Release, error)
	// Open finds one SDK. What is not there is a *NotFoundError.
	Open(ctx context.Context, v Version, p Platform) (Artifact, error)
}

// Release is one version in a source's list.
type Release struct {
	Version Version
	// Platforms that it is there for; nil: not known without asking.
	Platforms []Platform
}

// Format is how an SDK is packed.
type Format int

// The formats.
const (
	TarGz     Format = iota + 1 // as on the official download page
	ModuleZip                   // as the module golang.org/toolchain
)

// Artifact is one packed SDK that can be fetched, and what vouches for it. At
// least one digest is needed.
type Artifact struct {
	// Name is the file's name, for messages and for the partial download.
	Name   string
	Format Format
	// Size in bytes; zero: not known. It is a promise that is checked.
	Size int64
	// SHA256 is the hex digest of the whole file; "" if nobody vouches for that.
	SHA256 string
	// H1 is the module hash of a ModuleZip (golang.org/x/mod/sumdb/dirhash),
	// and Module the module path and version that it is of.
	H1, Module string
	// Vouched names who gave the digest: "sum.golang.org", "index", "caller".
	Vouched string
	// Signature is a detached OpenPGP signature over the file, armoured or not,
	// and Keyring the public keys of which one must have made it. Nil: none is asked for.
	Signature, Keyring []byte
	pin                string // who gave SHA256, where that is not Vouched

	// Fetch reads from an offset. state is what an earlier Fetch returned for
	// the bytes before it: if they are no longer of the same object, Fetch
	// starts again at zero and says so in Content.Offset.
	Fetch func(ctx context.Context, offset int64, state string) (Content, error)
}

func (a Artifact) whoseSHA256() string { return cmp.Or(a.pin, a.Vouched) }

// Content is a body being fetched.
type Content struct {
	Body io.ReadCloser
	// Offset is where Body begins.
	Offset int64
	// State identifies the object for a later resume (an ETag); "" if it can't be.
	State string
	// Length is how long the whole object claims to be; zero: it does not say. It
	// is used for progress and for a look at the free space, never believed.
	Length int64
}

// ErrNoDigest is matched when nobody vouches for an SDK.
var ErrNoDigest = errors.New("nobody vouches for it: no hash")

// NotFoundError is an SDK that a source does not have.
type NotFoundError struct {
	Version  Version // empty: nothing matched Wanted
	Wanted   string
	Platform Platform
	Nearest  []Version // that there are, if known
	Err      error     // what the source said
}

func (e *NotFoundError) Error() string {
	what := string(e.Version)
	if what == "" {
		what = fmt.Sprintf("a version that is %q", e.Wanted)
	}
	s := fmt.Sprintf("toolchain: there is no %s for %s", what, e.Platform)
	if len(e.Nearest) > 0 {
		var names []string
		for _, v := range e.Nearest {
			names = append(names, v.Number())
		}
		s += "; there are " + strings.Join(names, ", ")
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *NotFoundError) Unwrap() error { return e.Err }

// DigestError is content that is not what was vouched for.
type DigestError struct {
	Artifact, Vouched, Want, Got string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("toolchain: %s has digest %s, but %s vouches for %s; it was changed on the way or at its source, and nothing was installed",
		e.Artifact, e.Got, e.Vouched, e.Want)
}

// EndOfLifeError is a version that gets no fixes any more.
type EndOfLifeError struct {
	Version   Version
	Supported []string
}

func (e *EndOfLifeError) Error() string {
	return fmt.Sprintf("toolchain: %s is past its end of life (supported: %s); set AllowEndOfLife if it must be",
		e.Version, strings.Join(e.Supported, ", "))
}
