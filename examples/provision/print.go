package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/verify"
	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/term"
)

// printer says what was done, to people or to programs.
type printer struct {
	stdout, stderr io.Writer
	json           bool
	place          string
}

// result is the JSON form.
type result struct {
	Place   string            `json:"place"`
	Changes []bedplate.Change `json:"changes"`
	Took    time.Duration     `json:"took_ns"`
	Report  *verify.Report    `json:"report,omitempty"`
}

func (p printer) encode(r result) error {
	if r.Changes == nil {
		r.Changes = []bedplate.Change{}
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// changes prints what was done, or would be.
func (p printer) changes(verb string, changes []bedplate.Change, took time.Duration) error {
	if p.json {
		return p.encode(result{p.place, changes, took, nil})
	}
	if len(changes) == 0 {
		_, err := fmt.Fprintf(p.stdout, "%s: nothing to change (looked for %s)\n", p.place, rounded(took))
		return err
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.AppendHeader(table.Row{"step", "change", "what", "detail"})
	for _, c := range changes {
		detail := c.Detail
		if c.Pending != "" {
			detail = strings.TrimSpace(detail + " (after " + c.Pending + ")")
		}
		t.AppendRow(table.Row{c.Step, c.Op, c.Kind + " " + c.Target, detail})
	}
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "detail", WidthMax: 72}})
	_, err := fmt.Fprintf(p.stdout, "%s\n\n%s: %s %d things in %s\n", t.Render(), p.place, verb, len(changes), rounded(took))
	return err
}

// report prints what was done and whether all of it holds.
func (p printer) report(changes []bedplate.Change, took time.Duration, r verify.Report) error {
	if p.json {
		return p.encode(result{p.place, changes, took, &r})
	}
	if err := p.changes("changed", changes, took); err != nil {
		return err
	}
	f, ok := p.stdout.(*os.File)
	_, err := fmt.Fprintln(p.stdout)
	return errors.Join(err, r.WriteText(p.stdout, verify.TextOptions{Colour: ok && term.IsTerminal(int(f.Fd()))}))
}

func rounded(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
