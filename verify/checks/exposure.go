package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/internal/rootfs"
	"github.com/bedplate/bedplate/unit"
	"github.com/bedplate/bedplate/verify"
)

// exposure is the last line of systemd-analyze security.
var exposure = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

// UnitExposure holds where systemd-analyze security gives a loaded service a
// score of at most so much: 0 is well kept in, 10 is not at all.
func UnitExposure(name string, most float64) verify.Check {
	return ofUnit(name, "exposure", Deep, func(ctx context.Context, p properties) (verify.Finding, error) {
		if err := absent(p); err != nil {
			return verify.Finding{}, err
		}
		cmd := exec.CommandContext(ctx, "systemd-analyze", "security", "--no-pager", name)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "SYSTEMD_COLORS=0"}
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		m := exposure.FindSubmatch(out)
		if m == nil {
			return verify.Finding{}, fmt.Errorf("systemd-analyze security gives no score: %w: %.200s", errors.Join(err, ctx.Err()), out)
		}
		score, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return verify.Finding{}, err
		}
		f := verify.Finding{Status: verify.Pass, Wanted: "at most " + decimal(most), Observed: decimal(score)}
		if !(score <= most) { // NaN is no bound
			f.Status = verify.Fail
		}
		return f.Because("the sandbox leaves more open than wanted", "systemd-analyze security "+name+" names what; unit.Service's defaults come to 1.2"), nil
	})
}

// UnitLint holds where unit.Lint has no error to say about a unit's file, for
// this version of systemd (0: the newest that is known): a value that systemd
// would ignore without failing is one.
func UnitLint(root, path string, systemd int) verify.Check {
	return ofPath(root, path, "lint", func(r *rootfs.Root, _ rootfs.Info) (verify.Finding, error) {
		text, err := r.ReadFile(path)
		if err != nil {
			return verify.Finding{}, err
		}
		f, err := unit.Parse(path, bytes.NewReader(text))
		var broken *unit.ParseError
		if errors.As(err, &broken) {
			return verify.Finding{Status: verify.Fail, Wanted: "no errors", Observed: "it can't be read", Cause: err.Error(), Remedy: "mend the line"}, nil
		}
		if err != nil {
			return verify.Finding{}, err
		}
		var errs, fixes []string
		for _, l := range unit.Lint(f, unit.Target{Systemd: systemd}) {
			if l.Severity == unit.SeverityError {
				errs, fixes = append(errs, l.String()), append(fixes, l.Fix)
			}
		}
		if len(errs) == 0 {
			return verify.Passed("no errors"), nil
		}
		return verify.Finding{Status: verify.Fail, Wanted: "no errors", Observed: fmt.Sprintf("%d", len(errs)), Cause: strings.Join(errs, "; "), Remedy: fixes[0]}, nil
	})
}
