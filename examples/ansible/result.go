package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"unicode"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/unit"
)

// outcome is what was done, or would be, and how the units' texts differed.
type outcome struct {
	changes []bedplate.Change
	texts   []difference
}

// result is what Ansible reads.
type result struct {
	Changed bool         `json:"changed"`
	Changes []string     `json:"changes,omitzero"`
	Diff    []difference `json:"diff,omitempty"`
	Failed  bool         `json:"failed,omitempty"`
	Msg     string       `json:"msg,omitempty"`
}

// difference is what Ansible shows with --diff: "prepared" as it is, or how "after"
// differs from "before".
type difference map[string]string

const noReason = "it failed, and no_log keeps the reason; to see it, run the task once without"

// report writes the result, and nothing else.
func (a arguments) report(stdout io.Writer, out outcome, err error) int {
	r := result{Changed: len(out.changes) > 0, Failed: err != nil}
	switch {
	case a.noLog && err != nil:
		r.Msg = noReason
	case a.noLog:
	default:
		r.Changes = []string{}
		for _, c := range out.changes {
			r.Changes = append(r.Changes, c.String())
		}
		if a.diff && r.Changed {
			r.Diff = append([]difference{{"prepared": strings.Join(r.Changes, "\n") + "\n"}}, out.texts...)
		}
		if err != nil {
			r.Msg = line(err.Error())
		}
	}
	enc := json.NewEncoder(stdout)
	enc.SetEscapeHTML(false)
	if enc.Encode(r) != nil || r.Failed {
		return exitFailed
	}
	return exitOK
}

// line makes one line of several, and nothing that moves a cursor.
func line(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, ":\n", ": "), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// texts are the unit files that differ.
func texts(ctx context.Context, units unit.Set) (all []difference, err error) {
	diffs, err := units.Diff(ctx)
	for _, d := range diffs {
		before, after := public(d)
		all = append(all, difference{"before_header": d.Path, "before": before, "after_header": d.Path, "after": after})
	}
	return all, err
}

// public are both texts without the values of variables, which may be secret.
func public(d unit.Diff) (before, after string) {
	goesOn := false // on the next line of the text before; what is rendered has one line for each
	for _, l := range d.Lines {
		mark, l := l[0], l[1:]
		key, _, assigns := strings.Cut(strings.TrimSpace(l), "=")
		hidden := assigns && strings.TrimSpace(key) == "Environment"
		if mark != '+' {
			hidden = hidden || goesOn
			goesOn = hidden && (strings.HasSuffix(l, `\`) || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";"))
		}
		if hidden {
			l = "Environment=(not shown)"
		}
		if mark != '+' {
			before += l + "\n"
		}
		if mark != '-' {
			after += l + "\n"
		}
	}
	return before, after
}
