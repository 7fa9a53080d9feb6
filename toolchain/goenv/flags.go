package goenv

import (
	"fmt"
	"go/version"
	"strings"
)

// parseFlags splits GOFLAGS as the go command does: words between blanks, each
// perhaps in quotes, and each a flag.
func parseFlags(s string) (flags []string, err error) {
	for s = strings.TrimLeft(s, " \t\n\r"); s != ""; s = strings.TrimLeft(s, " \t\n\r") {
		var word string
		if quote := s[0]; quote == '\'' || quote == '"' {
			end := strings.IndexByte(s[1:], quote)
			if end < 0 {
				return nil, fmt.Errorf("goenv: GOFLAGS has an open %c", quote)
			}
			word, s = s[1:1+end], s[2+end:]
		} else {
			end := strings.IndexAny(s, " \t\n\r")
			if end < 0 {
				end = len(s)
			}
			word, s = s[:end], s[end:]
		}
		if err := checkFlag(word); err != nil {
			return nil, err
		}
		flags = append(flags, word)
	}
	return flags, nil
}

// checkFlag is the go command's rule for a word of GOFLAGS, but for the names:
// which flags there are only that go command knows.
func checkFlag(f string) error {
	if !strings.HasPrefix(f, "-") || f == "-" || f == "--" || strings.HasPrefix(f, "---") || strings.HasPrefix(f, "-=") || strings.HasPrefix(f, "--=") {
		return fmt.Errorf("goenv: GOFLAGS has %q, which is no flag; it is -name or -name=value", f)
	}
	return nil
}

func joinFlags(flags []string) string {
	words := make([]string, len(flags))
	for i, f := range flags {
		words[i] = f
		if strings.ContainsAny(f, " \t'") {
			words[i] = `"` + f + `"`
		}
		if f == "" || strings.Contains(f, `"`) {
			words[i] = "'" + f + "'"
		}
	}
	return strings.Join(words, " ")
}

// checkToolchain knows the forms of GOTOOLCHAIN (https://go.dev/doc/toolchain#select).
func checkToolchain(s string) error {
	name, suffix, plus := strings.Cut(s, "+")
	plain, _, _ := strings.Cut(name, "-") // go1.26.8-custom
	known := name == "local" || version.IsValid(plain) && !strings.ContainsAny(name, `\/`)
	if s == "" || s == "auto" || s == "path" || known && (!plus || suffix == "auto" || suffix == "path") {
		return nil
	}
	return fmt.Errorf("goenv: GOTOOLCHAIN=%q is none of local, auto, path, a version such as go1.26.8, or one with +auto or +path", s)
}

// checkVCS knows the form of GOVCS: pattern:list pairs (`go help vcs`).
func checkVCS(s string) error {
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	seen := map[string]bool{}
	for item := range strings.SplitSeq(s, ",") {
		pattern, list, colon := strings.Cut(strings.TrimSpace(item), ":")
		pattern, list = strings.TrimSpace(pattern), strings.TrimSpace(list)
		switch {
		case !colon:
			return fmt.Errorf("goenv: GOVCS entry %q has no colon; it is PATTERN:VCS|VCS, PATTERN:all or PATTERN:off", item)
		case pattern == "" || list == "":
			return fmt.Errorf("goenv: GOVCS entry %q lacks its pattern or its list", item)
		case pattern == "." || pattern == ".." || strings.HasPrefix(pattern, "./") || strings.HasPrefix(pattern, "../"):
			return fmt.Errorf("goenv: GOVCS pattern %q is a relative path; it is a module path", pattern)
		case seen[pattern]:
			return fmt.Errorf("goenv: GOVCS has %q twice, and the second can't act", pattern)
		}
		seen[pattern] = true
		for vcs := range strings.SplitSeq(list, "|") {
			if strings.TrimSpace(vcs) == "" {
				return fmt.Errorf("goenv: GOVCS entry %q has an empty name in its list", item)
			}
		}
	}
	return nil
}
