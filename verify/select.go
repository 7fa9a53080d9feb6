package verify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Selection picks some of many checks. The zero value picks all.
type Selection struct {
	// Names are patterns, of which one must match: * stands for any text, ? for
	// any character, and a whole group is named by its beginning: "unit" and
	// "unit/app.service" are all checks below. Empty: any name.
	Names []string
	// Tags, of which the check must have one. Empty: any or none.
	Tags []string
	// SkipNames and SkipTags leave out what was picked.
	SkipNames, SkipTags []string
}

// Of gives the checks that are selected and those that they need, in order. A
// pattern that matches no check and a tag that none has are an error: they are
// misspelt, and what was meant would go unchecked. So is a selection of nothing.
func (s Selection) Of(checks []Check) ([]Check, error) {
	var errs []error
	for _, t := range slices.Concat(s.Names, s.SkipNames) {
		if !utf8.ValidString(t) {
			return nil, fmt.Errorf("verify: the pattern %q is no UTF-8", t)
		}
	}
	names, skipNames := patterns(s.Names), patterns(s.SkipNames)
	for _, p := range slices.Concat(names, skipNames) {
		if !slices.ContainsFunc(checks, func(c Check) bool { return p.matches(c.Name) }) {
			errs = append(errs, fmt.Errorf("verify: no check is named %q", p.text))
		}
	}
	for _, t := range slices.Concat(s.Tags, s.SkipTags) {
		if !slices.ContainsFunc(checks, func(c Check) bool { return slices.Contains(c.Tags, t) }) {
			errs = append(errs, fmt.Errorf("verify: no check has the tag %q", t))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	chosen := map[string]bool{}
	for _, c := range checks {
		if (len(names) == 0 || anyMatches(names, c.Name)) && !anyMatches(skipNames, c.Name) &&
			(len(s.Tags) == 0 || anyTag(c, s.Tags)) && !anyTag(c, s.SkipTags) {
			chosen[c.Name] = true
		}
	}
	if len(chosen) == 0 && len(checks) > 0 {
		return nil, errors.New("verify: the selection leaves no check")
	}
	for again := true; again; {
		again = false
		for _, c := range checks {
			for _, need := range c.Needs {
				if chosen[c.Name] && !chosen[need] {
					chosen[need], again = true, true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return !chosen[c.Name] }), nil
}

type pattern struct {
	text string
	re   *regexp.Regexp
}

func patterns(texts []string) (all []pattern) {
	for _, t := range texts {
		re := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(strings.TrimSuffix(t, "/")))
		all = append(all, pattern{t, regexp.MustCompile(`(?s)^` + re + `(?:/.*)?$`)})
	}
	return all
}

func (p pattern) matches(name string) bool { return p.re.MatchString(name) }

func anyMatches(all []pattern, name string) bool {
	return slices.ContainsFunc(all, func(p pattern) bool { return p.matches(name) })
}

func anyTag(c Check, tags []string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(c.Tags, t) })
}
