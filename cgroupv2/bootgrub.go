package cgroupv2

import (
	"regexp"
	"slices"
	"strings"
)

// GRUB's settings are a shell script (GRUB manual, "Simple configuration
// handling"): assignments, one a line as a rule, the last of which counts.

// assignment is where a variable is set, at the start of a line.
var assignment = regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+)?(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)(\+?)=`)

const (
	grubLinux   = "GRUB_CMDLINE_LINUX"         // of every entry
	grubDefault = "GRUB_CMDLINE_LINUX_DEFAULT" // after it, in those that are not for recovery
)

// grubValue is one assignment: its value between from and to, without quotes.
type grubValue struct {
	name     string
	appends  bool
	from, to int
	quote    byte // 0, ' or "
}

// parseGrub finds the assignments. One that can't be understood is an error that
// says where.
func parseGrub(file, text string) (list []grubValue, err error) {
	for _, m := range assignment.FindAllStringSubmatchIndex(text, -1) {
		v := grubValue{name: text[m[2]:m[3]], appends: m[4] != m[5], from: m[1]}
		problem := ""
		end := m[1]
		if end < len(text) && (text[end] == '"' || text[end] == '\'') {
			v.quote = text[end]
			v.from = end + 1
			closed := false
			for end = v.from; end < len(text) && !closed; {
				switch c := text[end]; {
				case c == v.quote:
					closed = true
				case c == '\\' && v.quote == '"':
					end += 2
				case c == '`' && v.quote == '"', v.quote == '"' && strings.HasPrefix(text[end:], "$("):
					problem, closed = "it runs a command", true
				default:
					end++
				}
			}
			if end > len(text) || !closed {
				problem, end = "its quote is not closed", min(end, len(text))
			}
			v.to = end
			end++
		} else {
			end += strings.IndexAny(text[end:]+"\n", " \t\r\n;#")
			v.to = end
			if strings.ContainsAny(text[v.from:v.to], "\\`\"'$(&|<>") {
				problem = "it is not one quoted string"
			}
		}
		if rest := text[min(end, len(text)):]; problem == "" && rest != "" && !strings.ContainsRune(" \t\r\n;", rune(rest[0])) {
			problem = "it is not one quoted string"
		}
		if problem == "" && strings.Count(text[v.from:v.to], `"`)-strings.Count(text[v.from:v.to], `\"`) != 0 && v.quote == '"' {
			problem = "it is not one quoted string"
		}
		if problem == "" {
			quotes := 0
			for _, w := range split(text[v.from:v.to], v.decode()) {
				quotes += strings.Count(w.value, `"`)
			}
			if quotes%2 != 0 {
				problem = "a quote of the kernel's is not closed"
			}
		}
		if problem != "" {
			return nil, &BootError{File: file, Line: 1 + strings.Count(text[:m[0]], "\n"), Problem: v.name + ": " + problem + "; write it as " + v.name + `="..."`}
		}
		list = append(list, v)
	}
	return list, nil
}

// decode gives what the shell makes of a value.
func (v grubValue) decode() func(string, int) (byte, int) {
	if v.quote != '"' {
		return nil
	}
	return func(text string, i int) (byte, int) {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte("\"\\$`", text[i+1]) >= 0 {
			return text[i+1], 2
		}
		if text[i] == '\\' && i+1 < len(text) && text[i+1] == '\n' {
			return '\n', 2 // the line goes on
		}
		return text[i], 1
	}
}

// editGrub makes a file's assignments as wished. found says whether one of them
// sets what every entry has.
func editGrub(file, text string, w wish) (edited string, found bool, err error) {
	list, err := parseGrub(file, text)
	if err != nil {
		return "", false, err
	}
	var b strings.Builder
	at := 0
	for _, v := range list {
		now := w
		if v.name == grubDefault || v.appends {
			now.only = true // what contradicts would come later and count
		} else {
			found = true
		}
		old := text[v.from:v.to]
		value := now.edit(old, v.decode())
		if value != old && v.quote == 0 {
			value = `"` + value + `"`
		}
		b.WriteString(text[at:v.from])
		b.WriteString(value)
		at = v.to
	}
	b.WriteString(text[at:])
	edited = b.String()
	return edited, found, sameGrub(file, text, edited, list, w)
}

// sameGrub makes sure that an edit left all that is foreign as it was: a shell has
// more ways to say a thing than are worth following.
func sameGrub(file, text, edited string, before []grubValue, w wish) error {
	after, err := parseGrub(file, edited)
	same := err == nil && len(after) == len(before)
	for i := 0; same && i < len(after); i++ {
		old, now := before[i], after[i]
		same = old.name == now.name && slices.Equal(w.foreign(text[old.from:old.to], old.decode()), w.foreign(edited[now.from:now.to], now.decode()))
	}
	if !same {
		return &BootError{File: file, Line: 1, Problem: "its quoting is too intricate to be edited"}
	}
	return nil
}

// appendGrub adds an assignment where there is none.
func appendGrub(text string, w wish) string {
	if w.absent {
		return text
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + grubLinux + `="` + strings.Join(w.args, " ") + "\"\n"
}

// linuxLines are the kernel's lines of a grub.cfg that 10_linux made: entries that
// others wrote (os-prober, 40_custom) are not made from these settings.
func linuxLines(config string) (list []string) {
	ours := false
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "### BEGIN "):
			ours = strings.Contains(line, "/10_linux ")
		case strings.HasPrefix(line, "### END "):
			ours = false
		}
		fields := strings.Fields(line)
		if ours && len(fields) > 2 && (fields[0] == "linux" || fields[0] == "linux16" || fields[0] == "linuxefi") {
			list = append(list, strings.Join(fields[2:], " "))
		}
	}
	return list
}

// Boot Loader Specification, type 1: "options" lines, which add up.

func editEntry(file, text string, w wish) (string, error) {
	if _, kernel := entryOptions(text); !kernel {
		return text, nil // another program
	}
	var b strings.Builder
	first := true
	number := 0
	for line := range strings.Lines(text) {
		number++
		key, rest := entryKey(line)
		if key != "options" {
			b.WriteString(line)
			continue
		}
		if slices.ContainsFunc(split(rest, nil), func(x word) bool { return x.value == "$kernelopts" }) {
			return "", &BootError{File: file, Line: number, Problem: "its options are a variable of GRUB's environment; use grubby --update-kernel=ALL --args=..."}
		}
		now := w
		now.only = !first && !w.absent
		if strings.Count(rest, `"`)%2 != 0 {
			return "", &BootError{File: file, Line: number, Problem: "a quote is not closed"}
		}
		first = false
		b.WriteString(line[:len(line)-len(rest)])
		edited := now.edit(rest, nil)
		if edited != rest && len(line)-len(rest) == len(key) {
			edited = " " + edited
		}
		b.WriteString(edited)
	}
	if first && !w.absent {
		if !strings.HasSuffix(b.String(), "\n") {
			b.WriteString("\n")
		}
		b.WriteString("options " + strings.Join(w.args, " ") + "\n")
	}
	return b.String(), nil
}

// entryKey cuts a line of an entry after its key and the spaces.
func entryKey(line string) (key, rest string) {
	i := strings.IndexAny(line, " \t\r\n")
	if i < 0 {
		return line, ""
	}
	return line[:i], strings.TrimLeft(line[i:], " \t")
}

// entryOptions are all options of an entry, "" and false for what is no kernel.
func entryOptions(text string) (options string, kernel bool) {
	for line := range strings.Lines(text) {
		switch key, rest := entryKey(line); key {
		case "linux":
			kernel = true
		case "options":
			options += " " + strings.Trim(rest, blanks)
		}
	}
	return options, kernel
}
