package checks

import (
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/verify"
	"golang.org/x/mod/semver"
)

// Vulnerabilities holds for a Go binary in which no module, and no standard
// library, has a known vulnerability. database is a directory with the files of
// the Go vulnerability database (index/modules.json and ID/GO-*.json, as
// vulndb.zip holds them): nothing is downloaded. Modules are compared by version;
// whether the program ever calls the code is govulncheck's to say.
func Vulnerabilities(root, path, database string) verify.Check {
	c := ofGoBinary(root, path, "vulnerabilities", func(info *buildinfo.BuildInfo) (verify.Finding, error) {
		db, err := openVulnerabilities(database)
		if err != nil {
			return verify.Finding{}, err
		}
		var causes []string
		seen := 0
		for _, m := range modulesOf(info) {
			seen++
			some, err := db.of(m.Path, m.Version)
			if err != nil {
				return verify.Finding{}, err
			}
			causes = append(causes, some...)
		}
		if len(causes) == 0 {
			return verify.Passed(fmt.Sprintf("%d modules, none known", seen)), nil
		}
		return verify.Finding{
			Status: verify.Fail, Wanted: "no known vulnerability", Observed: fmt.Sprintf("%d", len(causes)),
			Cause: strings.Join(causes, "; "), Remedy: "build it with the versions that have the fix; govulncheck -mode=binary says which are reached",
		}, nil
	})
	c.Tags = append(slices.DeleteFunc(c.Tags, func(t string) bool { return t == Quick }), Standard)
	return c
}

type module struct{ Path, Version string }

// modulesOf lists what a binary consists of, versions as the database writes
// them. What has no version (the main module of a working copy) can't be judged.
func modulesOf(info *buildinfo.BuildInfo) (all []module) {
	if v, err := toolchain.ParseVersion(strings.Fields(info.GoVersion + " ")[0]); err == nil {
		all = append(all, module{"stdlib", goSemver(v)})
	}
	for _, m := range append(slices.Clone(info.Deps), &info.Main) {
		if m.Replace != nil {
			m = m.Replace
		}
		if semver.IsValid(m.Version) {
			all = append(all, module{m.Path, m.Version})
		}
	}
	return all
}

var prerelease = regexp.MustCompile(`^([0-9.]+?)(rc|beta)([0-9]+)$`)

// goSemver writes go1.26rc1 as v1.26.0-rc.1, and go1.26.8 as v1.26.8.
func goSemver(v toolchain.Version) string {
	number, suffix := v.Number(), ""
	if m := prerelease.FindStringSubmatch(number); m != nil {
		number, suffix = m[1], "-"+m[2]+"."+m[3]
	}
	for strings.Count(number, ".") < 2 {
		number += ".0"
	}
	return "v" + number + suffix
}

// vulnerabilities is the database: https://go.dev/doc/security/vuln/database.
type vulnerabilities struct {
	dir   string
	index map[string][]string // by module
}

func openVulnerabilities(dir string) (vulnerabilities, error) {
	db := vulnerabilities{dir, map[string][]string{}}
	var index []struct {
		Path  string
		Vulns []struct{ ID string }
	}
	if err := readJSON(filepath.Join(dir, "index", "modules.json"), &index); err != nil {
		return db, err
	}
	if len(index) == 0 {
		return db, errors.New("the vulnerability database lists no modules")
	}
	for _, m := range index {
		for _, v := range m.Vulns {
			db.index[m.Path] = append(db.index[m.Path], v.ID)
		}
	}
	return db, nil
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// osv is an entry in the Open Source Vulnerability format, as far as it matters.
type osv struct {
	ID        string
	Summary   string
	Withdrawn string
	Affected  []struct {
		Package struct{ Name string }
		Ranges  []struct {
			Type   string
			Events []struct{ Introduced, Fixed string }
		}
	}
}

func (db vulnerabilities) of(path, version string) (causes []string, err error) {
	for _, id := range db.index[path] {
		if !fs.ValidPath(id) || strings.Contains(id, "/") {
			return nil, fmt.Errorf("the vulnerability database has an entry %q", id)
		}
		var entry osv
		if err := readJSON(filepath.Join(db.dir, "ID", id+".json"), &entry); err != nil {
			return nil, err
		}
		if entry.Withdrawn != "" {
			continue
		}
		for _, a := range entry.Affected {
			if a.Package.Name != path {
				continue
			}
			for _, r := range a.Ranges {
				if fixed, hit := affected(r.Events, version); hit && r.Type == "SEMVER" {
					causes = append(causes, fmt.Sprintf("%s in %s %s (%s): fixed in %s", id, path, version, cmp.Or(entry.Summary, "no summary"), cmp.Or(fixed, "no version yet")))
				}
			}
		}
	}
	return causes, nil
}

// affected follows the events in order of versions: from introduced on it is, from
// fixed on it is not.
func affected(events []struct{ Introduced, Fixed string }, version string) (fixed string, hit bool) {
	type event struct {
		version string
		begins  bool
	}
	var all []event
	for _, e := range events {
		if e.Introduced != "" {
			v := "v" + e.Introduced
			if e.Introduced == "0" {
				v = "v0.0.0-0"
			}
			all = append(all, event{v, true})
		}
		if e.Fixed != "" {
			all = append(all, event{"v" + e.Fixed, false})
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return semver.Compare(a.version, b.version) })
	for _, e := range all {
		if semver.Compare(e.version, version) <= 0 {
			hit = e.begins
		} else if hit && !e.begins {
			return strings.TrimPrefix(e.version, "v"), true
		}
	}
	return "", hit
}
