// Command gen writes table.txt from testdata/dumps/ and since.txt.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// install is [Install], which no dump lists: systemctl reads it, not the manager.
var install = []string{"Alias", "Also", "DefaultInstance", "RequiredBy", "UpheldBy", "WantedBy"}

type row struct {
	kind         string
	since, until int
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
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
	newest := 0
	for _, name := range files {
		version, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".txt"))
		if err != nil {
			return err
		}
		newest = version
		if err := readDump(name, version, rows); err != nil {
			return err
		}
	}
	for _, name := range install {
		rows["Install\t"+name] = row{"UNIT [...]", 247, newest}
	}
	var lines []string
	for key, r := range rows {
		_, name, _ := strings.Cut(key, "\t")
		if v, ok := exact[name]; ok {
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

func readDump(name string, version int, rows map[string]row) error {
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
			r.since = version
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
