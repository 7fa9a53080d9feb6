package toolchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/diskspace"
	"github.com/bedplate/bedplate/internal/versiondir"
)

func (j *surveyed) versions() (*versiondir.Store, error) {
	dir, err := j.root.OpenDir(j.dir)
	if err != nil {
		return nil, err
	}
	return versiondir.Open(dir), nil
}

// goCommand lies in every SDK.
func (j *surveyed) goCommand() string { return "bin/" + j.sdk.Platform.program("go") }

func (j *surveyed) use(context.Context) error {
	store, err := j.versions()
	if err != nil {
		return err
	}
	defer store.Close()
	_, err = store.Use(j.name)
	return err
}

func (j *surveyed) installation() Installation {
	return Installation{
		Version: j.version, Platform: j.sdk.Platform.orRunning(),
		GOROOT: j.root.Host(path.Join(j.dir, j.name)), root: j.sdk.Root, dir: j.dir, name: j.name,
	}
}

// install downloads, unpacks, proves and publishes the version. Who comes
// second waits, and finds it published.
func (j *surveyed) install(ctx context.Context) error {
	store, err := j.versions()
	if err != nil {
		return err
	}
	defer store.Close()
	for tries := 1; ; tries++ {
		staging, err := store.Stage(ctx, j.name)
		if errors.Is(err, versiondir.ErrPublished) {
			return nil
		}
		if err != nil {
			return err
		}
		err = j.fill(ctx, store, staging)
		if err == nil {
			return staging.Publish()
		}
		err = errors.Join(err, staging.Discard())
		if !errors.Is(err, errChanged) || tries == 3 {
			return err
		}
	}
}

// fill makes the staged tree and its receipt. The receipt comes before the
// tree: one without the other is found by nobody.
func (j *surveyed) fill(ctx context.Context, store *versiondir.Store, staging *versiondir.Staging) error {
	artifact, err := j.source().Open(ctx, j.version, j.sdk.Platform.orRunning())
	if err != nil {
		return err
	}
	if j.sdk.SHA256 != "" {
		artifact.pin = "the caller's pin"
		if err := artifact.setSHA256(j.sdk.SHA256); err != nil {
			return err
		}
	}
	if err := j.supported(ctx); err != nil {
		return err
	}
	r, part, err := j.fetched(ctx, store, artifact, staging.Root)
	if err != nil {
		return err
	}
	for _, other := range j.sdk.Also {
		v, err := j.agree(ctx, store, other, r)
		if err != nil {
			return err
		}
		r.vouch(v.Digest, v.By)
	}
	if err := r.save(j.root, j.dir, j.name); err != nil {
		return err
	}
	return part.remove()
}

// fetched downloads an artifact into a partial file and unpacks it into a root.
// The file is closed; it stays until what it was fetched for is done.
func (j *surveyed) fetched(ctx context.Context, store *versiondir.Store, a Artifact, root *os.Root) (r *receipt, part *partial, err error) {
	if a.SHA256 == "" && a.H1 == "" && a.Signature == nil {
		return nil, nil, fmt.Errorf("toolchain: %s: %w", a.Name, ErrNoDigest)
	}
	t, err := newTree(root)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if part, err = j.openPart(a); err != nil {
		return nil, nil, err
	}
	defer part.close()
	r, err = j.unpack(ctx, store, a, part, t)
	return r, part, err
}

// unpack downloads and unpacks side by side, and compares the digests.
func (j *surveyed) unpack(ctx context.Context, store *versiondir.Store, a Artifact, part *partial, t *tree) (*receipt, error) {
	total := a.Size
	started := time.Now()
	report := func(phase Phase, done int64) {
		if j.sdk.Progress == nil {
			return
		}
		p := Progress{Phase: phase, Name: a.Name, Done: done, Total: total}
		if past := time.Since(started).Milliseconds(); phase == Downloading && past > 0 {
			p.Rate = max(0, done-part.have) * 1000 / past
		}
		j.sdk.Progress(p)
	}
	s := newSpool(part.file, func(n int64) { report(Downloading, n) })
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fetched := make(chan error, 1)
	begin := func(c Content) error {
		if total == 0 {
			total = c.Length
		}
		if err := enough(store, max(total, c.Length), s.length()); err != nil {
			return err
		}
		return part.remember(c.State)
	}
	go func() { fetched <- s.fill(ctx, a, part.have, part.state, begin) }()

	var unpackErr, fetchErr error
	h1 := ""
	if a.Format == ModuleZip {
		if fetchErr = <-fetched; fetchErr == nil {
			report(Unpacking, 0)
			h1, unpackErr = unpackZip(ctx, t, s.f, s.length())
		}
	} else {
		unpackErr = unpackTarGz(ctx, t, s.reader)
		if onDisk(unpackErr) {
			cancel() // no use in the rest, which the next run fetches
		}
		fetchErr = <-fetched
		if onDisk(unpackErr) {
			return nil, fmt.Errorf("%s: %w", a.Name, unpackErr)
		}
	}
	if fetchErr != nil {
		return nil, fmt.Errorf("%s: %w", a.Name, fetchErr)
	}
	// What was read before the restart is not what the digest is of, even if it
	// was whole and unpacked well.
	if a.Format == TarGz && s.restarted() {
		return nil, errChanged
	}
	// What an earlier run left may be the reason that nothing fits: once without it.
	reject := func(err error) error {
		if err = errors.Join(err, part.remove()); part.have > 0 {
			return &changedError{err}
		}
		return err
	}
	// A wrong digest explains why something did not unpack; not the other way round.
	r := &receipt{Version: j.version, Platform: j.sdk.Platform.String(), Artifact: a.Name, SHA256: s.digest(), H1: h1, Files: t.files}
	if a.SHA256 != "" && r.SHA256 != a.SHA256 {
		return nil, reject(&DigestError{a.Name, a.whoseSHA256(), a.SHA256, r.SHA256})
	}
	if unpackErr != nil {
		err := fmt.Errorf("%s: %w", a.Name, unpackErr)
		if errors.Is(unpackErr, errChanged) || onDisk(unpackErr) || ctx.Err() != nil {
			return nil, err
		}
		return nil, reject(err)
	}
	if a.H1 != "" && r.H1 != a.H1 {
		return nil, reject(&DigestError{a.Name, a.Vouched, a.H1, r.H1})
	}
	if err := j.plausible(t); err != nil {
		return nil, reject(fmt.Errorf("%s: %w", a.Name, err))
	}
	if a.SHA256 != "" {
		r.vouch("sha256:"+a.SHA256, a.whoseSHA256())
	}
	if a.H1 != "" {
		r.vouch(a.H1, a.Vouched)
	}
	if a.Signature != nil {
		v, err := a.checkSignature(io.NewSectionReader(s.f, 0, s.length()))
		if err != nil {
			return nil, reject(err)
		}
		r.vouch(v.Digest, v.By)
	}
	return r, nil
}

// onDisk says whether this machine's file system is the reason, not the archive.
func onDisk(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p)
}

// changedError is a failure that may be due to what an earlier run left.
type changedError struct{ err error }

func (e *changedError) Error() string   { return e.err.Error() }
func (e *changedError) Unwrap() []error { return []error{e.err, errChanged} }

// plausible is the last look: the right version and platform, and a go command.
func (j *surveyed) plausible(t *tree) error {
	text, err := t.root.ReadFile("VERSION")
	if err != nil {
		return fmt.Errorf("it holds no Go SDK: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if first != string(j.version) {
		return fmt.Errorf("it holds %.40q, not %s", first, j.version)
	}
	if _, err := t.root.Stat(j.goCommand()); err != nil {
		return fmt.Errorf("it holds no go command: %w", err)
	}
	// The tools lie in a directory of their platform's name.
	want := j.sdk.Platform.orRunning()
	if own := "pkg/tool/" + want.OS + "_" + want.Arch; !t.dirs[own] {
		for dir := range t.dirs {
			if name, ok := strings.CutPrefix(dir, "pkg/tool/"); ok && !strings.Contains(name, "/") {
				return fmt.Errorf("it is for %s, not %s", strings.Replace(name, "_", "/", 1), want)
			}
		}
	}
	return nil
}

// inflated is how much larger than its archive an SDK is, with some room.
const inflated = 4

// enough refuses early what could not be finished.
func enough(store *versiondir.Store, size, have int64) error {
	if size > maxArtifact {
		return fmt.Errorf("it says to have %s; no SDK has more than %s", megabytes(uint64(size)), megabytes(maxArtifact))
	}
	free, err := diskspace.Free(store.Dir())
	if err != nil {
		return err
	}
	if need := uint64(size*(inflated+1) - min(have, size)); size > 0 && free < need {
		return fmt.Errorf("not enough space in %s: %s are needed, %s are free; make room or choose another Dir", store.Dir().Name(), megabytes(need), megabytes(free))
	}
	return nil
}

func megabytes(n uint64) string { return strconv.FormatUint(n/1_000_000, 10) + " MB" }
