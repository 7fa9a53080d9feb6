package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
)

// chooseSource completes the wanted SDK with where it comes from. The go command
// is asked for its proxies only where no installed SDK will do, so that a second
// run starts no process.
func chooseSource(ctx context.Context, o options, progress func(toolchain.Progress)) (toolchain.SDK, error) {
	sdk := toolchain.SDK{
		Version: o.goVersion, Dir: sdkDir, Root: o.root, Use: true, Update: o.update, SHA256: o.sha256,
		Source: unasked{}, Progress: progress,
	}
	changes, err := sdk.Plan(ctx)
	switch {
	case err == nil && len(changes) == 0:
		return sdk, nil
	case err != nil && !errors.Is(err, errUnasked):
		return sdk, err
	}
	if sdk.Source, err = sourceOf(ctx, o); err != nil {
		return sdk, err
	}
	// A constraint may allow what the sample can't be built with.
	v, err := sdk.Resolve(ctx)
	if err == nil && belowOldest(string(v)) {
		err = fmt.Errorf("-go=%s allows %s; the sample service needs Go %s or newer", o.goVersion, v, oldestGo)
	}
	return sdk, err
}

func sourceOf(ctx context.Context, o options) (toolchain.Source, error) {
	switch {
	case o.source == "proxy":
		modules, err := goenv.FromGo(ctx, "go")
		return toolchain.ModuleProxy{Proxies: modules.Proxy, SumDB: modules.SumDB}, err
	case o.source == "official":
		return toolchain.Official{}, nil
	case strings.Contains(o.source, "://"):
		return toolchain.Official{BaseURL: o.source}, nil
	}
	info, err := os.Stat(o.source)
	switch {
	case err != nil:
		return nil, fmt.Errorf("-source=%s is none of proxy, official, a URL, a directory, an archive: %w", o.source, err)
	case info.IsDir():
		return toolchain.Directory{Path: o.source}, nil
	case o.sha256 == "":
		return nil, fmt.Errorf("-source=%s is one archive; say with -sha256 what it must be", o.source)
	}
	return toolchain.Archive{Path: o.source, SHA256: o.sha256}, nil
}

// unasked is the source of an SDK that is installed already.
type unasked struct{}

var errUnasked = errors.New("no source was asked")

func (unasked) Releases(context.Context) ([]toolchain.Release, error) { return nil, errUnasked }

func (unasked) Open(context.Context, toolchain.Version, toolchain.Platform) (toolchain.Artifact, error) {
	return toolchain.Artifact{}, errUnasked
}
