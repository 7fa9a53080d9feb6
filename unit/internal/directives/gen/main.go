// Command gen writes table.txt from testdata/dumps/ and since.txt.
//
//	go run ./gen              after a dump has changed
//	go run ./gen -man DIR     writes since.txt, too, from the manual in DIR (man5)
//
// The dumps are what systemd --dump-configuration-items prints in each of the
// machines (internal/testenv/machine); a privileged test compares them.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// install is [Install], which no dump lists: systemctl reads it, not the manager.
var install = []string{"Alias", "Also", "DefaultInstance", "RequiredBy", "UpheldBy", "WantedBy"}

// oldest is the first version that there is a dump of.
const oldest = 247

type row struct {
	kind         string
	since, until int
	lacked       int // the newest dump without it, older than since
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	manuals := flag.String("man", "", "folder with systemd's manual pages, systemd.unit.5.gz and so on")
	flag.Parse()
	if *manuals != "" {
		if err := writeSince(*manuals, oldest); err != nil {
			return err
		}
	}
	files, err := filepath.Glob("testdata/dumps/*.txt")
	if err != nil {
		return err
	}
	slices.Sort(files)
	exact, err := readSince()
	if err != nil {
		return err
	}
	rows := map[string]row{}
	newest, before := 0, 0
	for _, name := range files {
		version, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".txt"))
		if err != nil {
			return err
		}
		newest = version
		if err := readDump(name, version, before, rows); err != nil {
			return err
		}
		before = version
	}
	for _, name := range install {
		rows["Install\t"+name] = row{kind: "UNIT [...]", since: oldest, until: newest}
	}
	var lines []string
	for key, r := range rows {
		_, name, _ := strings.Cut(key, "\t")
		// The manual has one version for all sections that share a directive.
		if v, ok := exact[name]; ok && v > r.lacked && (v < r.since || strings.HasPrefix(key, "Install\t")) {
			r.since = v
		}
		if r.until == newest {
			r.until = 0
		}
		lines = append(lines, fmt.Sprintf("%s\t%d\t%d\t%s\n", key, r.since, r.until, r.kind))
	}
	slices.Sort(lines)
	return os.WriteFile("table.txt", []byte(strings.Join(lines, "")), 0o644)
}

func readDump(name string, version, before int, rows map[string]row) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	section := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			continue
		}
		key, kind, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		r, seen := rows[section+"\t"+key]
		if !seen {
			r.since, r.lacked = version, before
		}
		r.kind, r.until = kind, version
		rows[section+"\t"+key] = r
	}
	return nil
}

func readSince() (map[string]int, error) {
	b, err := os.ReadFile("since.txt")
	if err != nil {
		return nil, err
	}
	exact := map[string]int{}
	for line := range strings.Lines(string(b)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if exact[name], err = strconv.Atoi(version); err != nil {
				return nil, err
			}
		}
	}
	return exact, nil
}
