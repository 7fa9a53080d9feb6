package layout

import (
	"fmt"
	"slices"
	"strings"
)

// margin is how many equal lines are shown around a difference.
const margin = 3

// tooFar is how many lines may differ before the difference is shown as one
// block: finding the smallest one takes the square of that.
const tooFar = 1000

// edit is a line that is kept (' '), removed ('-') or added ('+').
type edit struct {
	op   byte
	line string
}

// unified writes the difference of two texts in hunks, as diff -u does, without
// the head that names the files.
func unified(a, b []string) string {
	edits := difference(a, b)
	var out strings.Builder
	lineA, lineB := 0, 0 // how many lines of each are behind us
	for i := 0; i < len(edits); {
		if edits[i].op == ' ' {
			i, lineA, lineB = i+1, lineA+1, lineB+1
			continue
		}
		begin := i - leading(edits[:i])
		end := hunkEnd(edits, i)
		writeHunk(&out, edits[begin:end], lineA-(i-begin), lineB-(i-begin))
		for ; i < end; i++ {
			if edits[i].op != '+' {
				lineA++
			}
			if edits[i].op != '-' {
				lineB++
			}
		}
	}
	return out.String()
}

// leading counts the equal lines right before, up to the margin.
func leading(edits []edit) (n int) {
	for n < margin && n < len(edits) && edits[len(edits)-1-n].op == ' ' {
		n++
	}
	return n
}

// hunkEnd finds where more than two margins of equal lines follow.
func hunkEnd(edits []edit, from int) int {
	last := from
	for i := from; i < len(edits) && i-last <= 2*margin+1; i++ {
		if edits[i].op != ' ' {
			last = i
		}
	}
	return min(last+1+margin, len(edits))
}

func writeHunk(out *strings.Builder, hunk []edit, startA, startB int) {
	var countA, countB int
	for _, e := range hunk {
		if e.op != '+' {
			countA++
		}
		if e.op != '-' {
			countB++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(startA, countA), span(startB, countB))
	for _, e := range hunk {
		out.WriteByte(e.op)
		out.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// span counts lines from 1; an empty span names the line before it.
func span(start, count int) string {
	if count > 0 {
		start++
	}
	if count == 1 {
		return fmt.Sprint(start)
	}
	return fmt.Sprintf("%d,%d", start, count)
}

// difference finds the smallest edit from a to b (E. Myers, An O(ND) Difference
// Algorithm and Its Variations, 1986): reach[k] is how far in a the paths with d
// edits get on diagonal k, and back leads the way that was taken.
func difference(a, b []string) []edit {
	reach := map[int]int{1: 0}
	var back []map[int]int
	for d := 0; d <= min(len(a)+len(b), tooFar); d++ {
		back = append(back, cloneAround(reach, d))
		for k := -d; k <= d; k += 2 {
			x := reach[k-1] + 1
			if k == -d || k != d && reach[k-1] < reach[k+1] {
				x = reach[k+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			reach[k] = x
			if x >= len(a) && x-k >= len(b) {
				return retrace(a, b, back)
			}
		}
	}
	var all []edit
	for _, l := range a {
		all = append(all, edit{'-', l})
	}
	for _, l := range b {
		all = append(all, edit{'+', l})
	}
	return all
}

func cloneAround(reach map[int]int, d int) map[int]int {
	kept := make(map[int]int, 2*d+3)
	for k := -d - 1; k <= d+1; k++ {
		if x, ok := reach[k]; ok {
			kept[k] = x
		}
	}
	return kept
}

func retrace(a, b []string, back []map[int]int) (edits []edit) {
	x, y := len(a), len(b)
	for d := len(back) - 1; d >= 0; d-- {
		reach, k := back[d], x-y
		from := k - 1
		if k == -d || k != d && reach[k-1] < reach[k+1] {
			from = k + 1
		}
		startX := reach[from]
		startY := startX - from
		for x > startX && y > startY && x > 0 && y > 0 {
			x, y = x-1, y-1
			edits = append(edits, edit{' ', a[x]})
		}
		switch {
		case d == 0:
		case x == startX:
			y--
			edits = append(edits, edit{'+', b[y]})
		default:
			x--
			edits = append(edits, edit{'-', a[x]})
		}
	}
	slices.Reverse(edits)
	return edits
}
