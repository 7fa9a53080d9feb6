package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pages of systemd's manual that describe directives of units.
var pages = strings.Fields("unit service socket timer path mount automount swap slice scope target exec kill resource-control")

var (
	term  = regexp.MustCompile(`\\fI([A-Z][A-Za-z0-9]+)=\\fR`)
	added = regexp.MustCompile(`^Added in version ([0-9]+)`)
)

// readManuals finds since when there is each directive: a list's item begins
// with the names in italics, and its last paragraph says the version.
func readManuals(dir string) (map[string]int, error) {
	since := map[string]int{}
	for _, page := range pages {
		if err := readManual(filepath.Join(dir, "systemd."+page+".5.gz"), since); err != nil {
			return nil, err
		}
	}
	return since, nil
}

func readManual(name string, since map[string]int) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	var names []string
	depth, heading := 0, false
	for lines := bufio.NewScanner(z); lines.Scan(); {
		line := lines.Text()
		switch {
		case depth == 0 && line == ".PP":
			names, heading = nil, true
		case strings.HasPrefix(line, ".RS"):
			depth, heading = depth+1, false
		case line == ".RE":
			depth = max(0, depth-1)
		case heading:
			for _, m := range term.FindAllStringSubmatch(line, -1) {
				names = append(names, m[1])
			}
		case depth == 1:
			// The last word counts: parts of an item have versions of their own.
			if m := added.FindStringSubmatch(line); m != nil {
				v, err := strconv.Atoi(m[1])
				if err != nil {
					return err
				}
				for _, n := range names {
					since[n] = v
				}
			}
		}
	}
	return nil
}

// writeSince writes since.txt from the manual: what came after the oldest dump.
func writeSince(manuals string, oldest int) error {
	since, err := readManuals(manuals)
	if err != nil {
		return err
	}
	for name, v := range unsaid {
		since[name] = v
	}
	var lines []string
	for name, v := range since {
		if v > oldest {
			lines = append(lines, fmt.Sprintf("%s %d\n", name, v))
		}
	}
	if len(lines) == 0 {
		return fmt.Errorf("the manual in %s says nothing of versions over %d; is it of systemd 254 or newer?", manuals, oldest)
	}
	slices.Sort(lines)
	return os.WriteFile("since.txt", []byte(sinceHead+strings.Join(lines, "")), 0o644)
}

// unsaid are directives whose item in the manual names another version, or whose
// versions are in the release notes only.
var unsaid = map[string]int{
	"ExecPaths": 248, "NoExecPaths": 248, "LoadCredentialEncrypted": 250, "SetCredential": 250, "SetCredentialEncrypted": 250,
	"ManagedOOMPreference": 248, "UpheldBy": 254,
}

const sinceHead = `# Directives that came after the oldest of testdata/dumps, by the manual's "Added in
# version". Written by: go run ./gen -man DIR, of systemd's man5 of the newest dump.
`
