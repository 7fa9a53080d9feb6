package account

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/bedplate/bedplate/internal/passwd"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// order is what nsswitch.conf(5) says of the files: whether an entry that they
// have is the answer, whoever else may have one.
type order map[string]bool

// readOrder of a root that is not this machine: nobody else is asked there.
func readOrder(root *rootfs.Root) (order, error) {
	if !root.Machine() {
		return order{passwd.UserFile: true, passwd.GroupFile: true}, nil
	}
	b, err := root.ReadFile("/etc/nsswitch.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("account: %w", err)
	}
	return order{passwd.UserFile: filesFirst(string(b), "passwd"), passwd.GroupFile: filesFirst(string(b), "group")}, nil
}

// filesFirst says whether the files come first, and end the search with what they
// find. They do where nothing is said.
func filesFirst(conf, database string) bool {
	first := true
	for line := range strings.Lines(conf) {
		line, _, _ = strings.Cut(line, "#")
		name, services, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != database {
			continue
		}
		service, rest := cutWord(strings.TrimSpace(services))
		first = service == "" || service == "files" || service == "compat"
		if actions, ok := strings.CutPrefix(strings.TrimSpace(rest), "["); ok {
			actions, _, _ = strings.Cut(strings.ToLower(strings.ReplaceAll(actions, " ", "")), "]")
			// SUCCESS=merge of groups, say; !NOTFOUND=continue means SUCCESS, too.
			goesOn := strings.Contains(actions, "success=") && !strings.Contains(actions, "success=return")
			first = first && !goesOn && !strings.Contains(actions, "!")
		}
	}
	return first
}

// cutWord cuts behind the first word; actions may follow it without a blank.
func cutWord(s string) (word, rest string) {
	if i := strings.IndexAny(s, " \t["); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}
