package account

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// order is what nsswitch.conf(5) says of the files, by file.
type order map[string]rank

// rank is what an entry of the files is worth.
type rank int

const (
	later  rank = iota // another source is asked first, or has the last word
	merged             // others add members to it
	alone              // it is the answer, whoever else may have one
)

// settles says whether an entry that the files have is enough. For whoever plans,
// a group is what the file says: a member that others add does no harm there.
func (p *planner) settles(file string) bool {
	return p.order[file] == alone || p.order[file] == merged && !p.reads
}

// readOrder of a root that is not this machine: nobody else is asked there.
func readOrder(root *rootfs.Root) (order, error) {
	if !root.Machine() {
		return order{passwd.UserFile: alone, passwd.GroupFile: alone}, nil
	}
	b, err := root.ReadFile("/etc/nsswitch.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("account: %w", err)
	}
	return order{passwd.UserFile: rankOfFiles(string(b), "passwd"), passwd.GroupFile: rankOfFiles(string(b), "group")}, nil
}

// rankOfFiles finds it. Where nothing is said, the files are asked first.
func rankOfFiles(conf, database string) rank {
	files := alone
	for line := range strings.Lines(conf) {
		line, _, _ = strings.Cut(line, "#")
		name, services, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != database {
			continue
		}
		files = alone
		service, rest := cutWord(strings.TrimSpace(services))
		actions, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(rest), "["), "]")
		actions = strings.ToLower(strings.ReplaceAll(actions, " ", ""))
		switch {
		case service != "" && service != "files" && service != "compat":
			files = later
		case !strings.HasPrefix(strings.TrimSpace(rest), "["):
		case strings.Contains(actions, "!"): // !NOTFOUND=continue means SUCCESS, too
			files = later
		case strings.Contains(actions, "success=merge"):
			files = merged
		case strings.Contains(actions, "success=") && !strings.Contains(actions, "success=return"):
			files = later
		}
	}
	return files
}

// cutWord cuts behind the first word; actions may follow it without a blank.
func cutWord(s string) (word, rest string) {
	if i := strings.IndexAny(s, " \t["); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}
