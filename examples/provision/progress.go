package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress follows an installation: a bar on a terminal, else a line now and then.
func (p printer) progress() func(toolchain.Progress) {
	if f, ok := p.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return bar(f)
	}
	return lines(p.stderr)
}

func bar(w io.Writer) func(toolchain.Progress) {
	var now *progressbar.ProgressBar
	var phase toolchain.Phase
	return func(p toolchain.Progress) {
		if now == nil || phase != p.Phase {
			if now != nil {
				_ = now.Finish() // a terminal that went away is no reason to stop
			}
			phase = p.Phase
			now = progressbar.NewOptions64(max(p.Total, -1), progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(fmt.Sprintf("%-8s %s", p.Phase, p.Name)),
				progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		}
		_ = now.Set64(p.Done)
	}
}

// lines prints a line when a phase begins, every few seconds, and at its end.
func lines(w io.Writer) func(toolchain.Progress) {
	const every = 3 * time.Second
	var phase toolchain.Phase
	var next time.Time
	return func(p toolchain.Progress) {
		now := time.Now()
		end := p.Total > 0 && p.Done == p.Total
		if p.Phase == phase && now.Before(next) && !end {
			return
		}
		phase, next = p.Phase, now.Add(every)
		if p.Total > 0 {
			fmt.Fprintf(w, "%-8s %s: %3d%% of %d MB\n", p.Phase, p.Name, 100*p.Done/p.Total, p.Total/1e6)
		} else {
			fmt.Fprintf(w, "%-8s %s: %d MB\n", p.Phase, p.Name, p.Done/1e6)
		}
	}
}
