package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/layout"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

// contents reads a release: a directory, an archive, or a lone binary.
func (a app) contents(path string) (_ layout.Contents, done func() error, err error) {
	none := func() error { return nil }
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, none, err
	case info.IsDir():
		return layout.TreeFS(os.DirFS(path)), none, nil
	case strings.HasSuffix(path, ".tar") || strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".tgz"):
		f, err := os.Open(path)
		if err != nil {
			return nil, none, err
		}
		return layout.Tar(f), f.Close, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, none, err
	}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	err = errors.Join(
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755}),
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/" + a.name, Mode: 0o755, Size: int64(len(b))}),
	)
	if err == nil {
		_, err = w.Write(b)
	}
	return layout.Tar(bytes.NewReader(packed.Bytes())), none, errors.Join(err, w.Close())
}

// stage brings the release in beside the others, and looks whether this machine
// can run it at all. What fails here has interrupted nobody.
func (a app) stage(ctx context.Context, path, label string) (rel layout.Release, err error) {
	contents, done, err := a.contents(path)
	if err != nil {
		return rel, err
	}
	rel, err = a.releases().Stage(ctx, layout.Staging{Contents: contents, Label: label})
	if err := errors.Join(err, done()); err != nil {
		return rel, err
	}
	if err := verify.Run(ctx, checks.Starts(a.root, rel.Path+"/bin/"+a.name)).Err(); err != nil {
		return rel, fmt.Errorf("release %s can't run here: %w", rel.ID, err)
	}
	return rel, nil
}

// deploy makes the release at path the one that serves, or leaves the one that
// did: staged, looked at, made current, restarted, proven; taken back if it is not.
func (a app) deploy(ctx context.Context, path, label string, keep int, say func(string, ...any)) error {
	changes, err := bedplate.Apply(ctx, a.home()...)
	tell(say, changes)
	if err != nil {
		return err
	}
	rel, err := a.stage(ctx, path, label)
	if err != nil {
		return err
	}
	began := time.Now()
	changes, err = a.releases().Activate(ctx, rel.ID)
	tell(say, changes)
	if err != nil {
		return err
	}
	switched := len(changes) > 0
	if err := a.restart(ctx, say); err != nil {
		err = fmt.Errorf("release %s does not serve: %w", rel.ID, err)
		if !switched {
			return err // it was current before; to go back is a person's decision
		}
		return errors.Join(err, a.takeBack(ctx, time.Since(began), say))
	}
	say("release %s is current, proven in %v", rel.ID, time.Since(began).Round(time.Millisecond))
	changes, err = a.releases().Prune(ctx, keep)
	tell(say, changes)
	return err
}

// restart has the current release run, and proves that it serves.
func (a app) restart(ctx context.Context, say func(string, ...any)) error {
	steps, err := a.running()
	if err != nil {
		return err
	}
	changes, err := bedplate.Apply(ctx, steps...)
	tell(say, changes)
	var failed *unit.StartError
	if errors.As(err, &failed) {
		for _, e := range failed.Status.Log {
			say("       %s", e)
		}
	}
	if err != nil {
		return err
	}
	return a.prove(ctx)
}

// takeBack has the release before serve again. The context may be at its end by
// now, and that is no reason to leave a service down.
func (a app) takeBack(ctx context.Context, found time.Duration, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	began := time.Now()
	err := a.back(ctx, say)
	if errors.Is(err, layout.ErrNoPrevious) {
		return errors.New("it was the first release; none is left to go back to")
	}
	if err == nil {
		say("found bad after %v; the release before serves again %v later", found.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	}
	return err
}

// back rolls back and proves it.
func (a app) back(ctx context.Context, say func(string, ...any)) error {
	changes, err := a.releases().Rollback(ctx)
	tell(say, changes)
	if err != nil {
		return err
	}
	if a.root == "" {
		// Of a release that failed systemd may be about to try again; that try
		// would come in between. Why it did not stop well no longer matters.
		_, _ = unit.Manager{Stable: -1}.Stop(ctx, a.service())
	}
	return a.restart(ctx, say)
}

// foresee says what deploy would change.
func (a app) foresee(ctx context.Context, path, label string, say func(string, ...any)) error {
	contents, done, err := a.contents(path)
	if err != nil {
		return err
	}
	steps, err := a.running()
	if err != nil {
		return errors.Join(err, done())
	}
	release := bedplate.Step{Name: "release", Resource: layout.Deployment{
		Releases: a.releases(), Staging: layout.Staging{Contents: contents, Label: label},
	}}
	changes, err := bedplate.Plan(ctx, append(append(a.home(), release), steps...)...)
	tell(say, changes)
	if err == nil && len(changes) == 0 {
		say("nothing to change")
	}
	return errors.Join(err, done())
}

// print lists the releases, the newest first.
func (a app) print(say func(string, ...any)) error {
	all, err := a.releases().List()
	for _, r := range all {
		mark := ""
		if r.Current {
			mark = "  current"
		} else if r.Previous {
			mark = "  before it"
		}
		say("%s  %s%s", r.Staged.Format(time.DateTime), r.ID, mark)
	}
	return err
}
