package cgroupv2

import (
	"regexp"
	"slices"
	"strings"
)

// argument is what Boot takes: nothing that a shell or the kernel would quote.
var argument = regexp.MustCompile(`^[A-Za-z0-9_.-]+(=[A-Za-z0-9_.,:/@+=-]*)?$`)

// repeated are kernel arguments that may stand several times, so that one more
// does not replace another.
var repeated = []string{
	"console", "earlycon", "initrd", "ip", "nameserver", "video", "hugepages", "hugepagesz", "memmap", "module_blacklist", "earlyprintk", "netconsole",
	"systemd.mask", "systemd.wants", "systemd.setenv", "rd.luks.uuid", "rd.lvm.lv", "rd.md.uuid", "rd.driver.blacklist", "modprobe.blacklist", "rd.break",
}

// blanks are what the kernel takes for spaces.
const blanks = " \t\n\r\f\v"

// word is one argument of a command line, and where it stands in the text.
type word struct {
	from, to int
	value    string // as the kernel gets it
}

func (w word) key() string {
	key, _, _ := strings.Cut(w.value, "=")
	return key
}

// split takes a command line apart by the kernel's rule: spaces end a word, but
// not between double quotes. decode gives the next byte that is meant at i, and
// how many of the text it takes; nil: the text is what is meant.
func split(text string, decode func(text string, i int) (c byte, size int)) (list []word) {
	if decode == nil {
		decode = func(text string, i int) (byte, int) { return text[i], 1 }
	}
	var value []byte
	from, quoted := -1, false
	end := func(at int) {
		if from >= 0 {
			list = append(list, word{from, at, string(value)})
		}
		from, value = -1, nil
	}
	for i := 0; i < len(text); {
		c, size := decode(text, i)
		if strings.IndexByte(blanks, c) >= 0 && !quoted {
			end(i)
		} else {
			if from < 0 {
				from = i
			}
			if c == '"' {
				quoted = !quoted
			}
			value = append(value, c)
		}
		i += size
	}
	end(len(text))
	return list
}

// wish is how a command line is to be.
type wish struct {
	args   []string
	absent bool
	// only: what contradicts is taken away, and nothing is added.
	only bool
}

// edit makes a command line as wished. All else stays byte for byte: an argument of
// the same name is replaced where it stands, another is added at the end, before a
// "--", after which all is init's.
func (w wish) edit(text string, decode func(string, int) (byte, int)) string {
	words := split(text, decode)
	stop := slices.IndexFunc(words, func(x word) bool { return x.value == "--" })
	ours := words
	if stop >= 0 {
		ours = words[:stop]
	}
	type change struct {
		from, to int
		text     string
	}
	var changes []change
	var added []string
	drop := func(x word) { // with the spaces before it, or after the first
		from, to := x.from, x.to
		for from > 0 && (text[from-1] == ' ' || text[from-1] == '\t') {
			from--
		}
		if from == 0 {
			for to < len(text) && (text[to] == ' ' || text[to] == '\t') {
				to++
			}
		} else if from < x.from && to < len(text) && text[from-1] == '\n' {
			from = x.from // an indented line keeps its indent
		}
		changes = append(changes, change{from, to, ""})
	}
	for _, arg := range w.args {
		key := word{value: arg}.key()
		found := false
		for _, x := range ours {
			switch {
			case x.value == arg && (w.absent || found && !slices.Contains(repeated, key)):
				drop(x)
			case x.value == arg:
				found = true
			case x.key() == key && !w.absent && !slices.Contains(repeated, key):
				if found || w.only || slices.ContainsFunc(ours, func(y word) bool { return y.value == arg }) {
					drop(x)
				} else {
					changes = append(changes, change{x.from, x.to, arg})
					found = true
				}
			}
		}
		if !found && !w.absent && !w.only {
			added = append(added, arg)
		}
	}
	if len(added) > 0 {
		at, add := len(strings.TrimRight(text, blanks)), strings.Join(added, " ")
		switch {
		case stop >= 0:
			at, add = words[stop].from, add+" "
		case len(words) > 0:
			add = " " + add
		}
		changes = append(changes, change{at, at, add})
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.from - b.from })
	var b strings.Builder
	at := 0
	for _, c := range changes {
		b.WriteString(text[at:max(c.from, at)]) // spaces may have gone with the one before
		b.WriteString(c.text)
		at = max(c.to, at)
	}
	b.WriteString(text[at:])
	return b.String()
}

// foreign are the words that the wish is not about, as they stand.
func (w wish) foreign(text string, decode func(string, int) (byte, int)) (list []string) {
	for _, x := range split(text, decode) {
		if !slices.ContainsFunc(w.args, func(arg string) bool { return word{value: arg}.key() == x.key() }) {
			list = append(list, text[x.from:x.to])
		}
	}
	return list
}

// lacks lists the wanted arguments that a command line does not have, or those that
// are to be absent and are there.
func (w wish) lacks(text string, decode func(string, int) (byte, int)) (list []string) {
	last := map[string]string{}
	all := map[string]bool{}
	for _, x := range split(text, decode) {
		if x.value == "--" {
			break
		}
		last[x.key()], all[x.value] = x.value, true
	}
	for _, arg := range w.args {
		key := word{value: arg}.key()
		there := all[arg] && (slices.Contains(repeated, key) || last[key] == arg || w.absent)
		if there == w.absent {
			list = append(list, arg)
		}
	}
	return list
}
