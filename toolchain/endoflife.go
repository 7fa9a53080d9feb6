package toolchain

import "context"

// EndOfLife reports a version that gets no fixes any more, as an
// *EndOfLifeError. What is supported is told by the source's list (nil:
// Official{}); without one, that is an error too.
func EndOfLife(ctx context.Context, v Version, source Source) error {
	if source == nil {
		source = Official{}
	}
	releases, err := source.Releases(ctx)
	if err != nil {
		return wrap(err)
	}
	var all []Version
	for _, r := range releases {
		all = append(all, r.Version)
	}
	return endOfLife(v, supportedMinors(all))
}

func endOfLife(v Version, supported []string) error {
	if len(supported) == 2 && Version("go"+v.Minor()).Compare(Version("go"+supported[1])) < 0 {
		return &EndOfLifeError{v, supported}
	}
	return nil
}

// supported refuses an exact version past its end of life, as far as the
// source's list tells: one that can't list can't say, and is no reason to stop.
func (j *surveyed) supported(ctx context.Context) error {
	if j.sdk.AllowEndOfLife || j.listed {
		return nil
	}
	releases, err := j.source().Releases(ctx)
	if err != nil {
		return ctx.Err()
	}
	var all []Version
	for _, r := range releases {
		all = append(all, r.Version)
	}
	return endOfLife(j.version, supportedMinors(all))
}
