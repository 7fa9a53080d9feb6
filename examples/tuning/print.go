package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/cgroupv2"
	"github.com/jedib0t/go-pretty/v6/table"
)

// printer says what was seen and done, to people or to programs.
type printer struct {
	stdout io.Writer
	json   bool
}

func (p printer) encode(v any) error {
	enc := json.NewEncoder(p.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (p printer) changes(changes []bedplate.Change) error {
	if p.json {
		return p.encode(struct {
			Changes []bedplate.Change `json:"changes"`
		}{append([]bedplate.Change{}, changes...)})
	}
	if len(changes) == 0 {
		_, err := fmt.Fprintln(p.stdout, "nothing to change: it is so already")
		return err
	}
	for _, c := range changes {
		if _, err := fmt.Fprintln(p.stdout, c); err != nil {
			return err
		}
	}
	return nil
}

// sight prints what was seen, what is advised, and what was done about it.
func (p printer) sight(s sight, changes []bedplate.Change) error {
	if p.json {
		return p.encode(struct {
			sight
			Changes []bedplate.Change `json:"changes"`
		}{s, append([]bedplate.Change{}, changes...)})
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.AppendHeader(table.Row{s.Unit, "seen in " + s.Over.Round(time.Second).String(), "limit"})
	for _, r := range s.rows() {
		t.AppendRow(r)
	}
	text := t.Render() + "\n"
	if a := s.Load; a != nil {
		text += fmt.Sprintf("\n%d answers, half of them within %v, 99 of 100 within %v, the slowest %v; %d failed %s\n",
			a.Good, a.Median.Round(10*time.Microsecond), a.P99.Round(10*time.Microsecond), a.Worst.Round(10*time.Microsecond), a.Failed, a.Last)
	}
	text += "\n"
	for _, a := range s.Advice {
		text += a.String() + "\n"
	}
	for _, line := range s.Go {
		text += "Go, from the next start on: " + line + "\n"
	}
	if s.fits() {
		text += "the limits fit\n"
	}
	for _, line := range s.Remarks {
		text += "note: " + line + "\n"
	}
	if _, err := io.WriteString(p.stdout, text); err != nil {
		return err
	}
	if changes == nil {
		return nil
	}
	if _, err := fmt.Fprintln(p.stdout); err != nil {
		return err
	}
	return p.changes(changes)
}

// rows are what a person compares: what was used, and what may be.
func (s sight) rows() (rows []table.Row) {
	if m := s.After.Memory; m != nil {
		peak := "no peak in this kernel"
		if n, ok := m.Peak.Value(); ok {
			peak = "peak " + mib(n)
		}
		rows = append(rows, table.Row{"memory", fmt.Sprintf("%s now, %s", mib(m.Current), peak), s.limits.MemoryMax})
	}
	if c := s.After.CPU; c != nil {
		used, held := c.Usage, uint64(0)
		periods, _ := c.Periods.Value()
		throttled, _ := c.Throttled.Value()
		if b := s.Before.CPU; b != nil {
			before, _ := b.Periods.Value()
			beforeThrottled, _ := b.Throttled.Value()
			used, periods, throttled = used-b.Usage, periods-before, throttled-beforeThrottled
		}
		if periods > 0 {
			held = uint64(math.Round(100 * float64(throttled) / float64(periods)))
		}
		rows = append(rows, table.Row{"CPU", fmt.Sprintf("%.1f%% of one in the mean, held back in %d%% of the periods", 100*used.Seconds()/s.Over.Seconds(), held), s.limits.CPUMax})
	}
	if n := s.After.Tasks; n != nil {
		peak, _ := n.Peak.Value()
		rows = append(rows, table.Row{"tasks", fmt.Sprintf("%d now, peak %d", n.Current, max(peak, n.Current)), s.limits.TasksMax})
	}
	return append(rows, s.stalls()...)
}

// stalls are for how much of the time some task waited for what it lacked.
func (s sight) stalls() (rows []table.Row) {
	for _, r := range []struct {
		name          string
		before, after cgroupv2.Pressure
	}{
		{"waiting for memory", s.Before.Pressure.Memory, s.After.Pressure.Memory},
		{"waiting for a CPU", s.Before.Pressure.CPU, s.After.Pressure.CPU},
		{"waiting for input, output", s.Before.Pressure.IO, s.After.Pressure.IO},
	} {
		part := 100 * (r.after.Some.Total - r.before.Some.Total).Seconds() / s.Over.Seconds()
		rows = append(rows, table.Row{r.name, fmt.Sprintf("%.1f%% of the time", part), ""})
	}
	return rows
}

func mib(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
