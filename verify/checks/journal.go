package checks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/bedplate/bedplate/verify"
)

// entries asks journalctl, which is another road than package journal's.
func entries(ctx context.Context, args ...string) ([]map[string]any, error) {
	cmd := exec.CommandContext(ctx, "journalctl", append([]string{"--quiet", "--no-pager", "--output=json"}, args...)...)
	cmd.WaitDelay = time.Second
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("journalctl: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	var all []map[string]any
	for dec := json.NewDecoder(&out); dec.More(); {
		var entry map[string]any
		if err := dec.Decode(&entry); err != nil {
			return nil, fmt.Errorf("journalctl: %w", err)
		}
		all = append(all, entry)
	}
	if len(all) == 0 && os.Geteuid() != 0 {
		return nil, errors.New("the journal shows nothing; perhaps only root, or the group systemd-journal, may see it")
	}
	return all, nil
}

// JournalEntry holds where a unit's journal has an entry since it was last
// started that has all of these fields with these values; a value "" is any:
// {"SYSLOG_IDENTIFIER": "app", "PRIORITY": ""}. The last thousand are looked at.
func JournalEntry(unit string, fields map[string]string) verify.Check {
	c := ofUnit(unit, "journal", Standard, func(ctx context.Context, p properties) (verify.Finding, error) {
		id, err := invocation(p)
		if err != nil {
			return verify.Finding{}, err
		}
		all, err := entries(ctx, "--lines=1000", "_SYSTEMD_INVOCATION_ID="+id)
		if err != nil {
			return verify.Finding{}, err
		}
		wanted := make([]string, 0, len(fields))
		for _, name := range slices.Sorted(keys(fields)) {
			wanted = append(wanted, name+"="+fields[name])
		}
		f := verify.Finding{Status: verify.Fail, Wanted: "an entry with " + strings.Join(wanted, " "), Observed: fmt.Sprintf("%d entries without", len(all))}
		best, missing := -1, []string(nil)
		for _, e := range all {
			var lacks []string
			for _, name := range slices.Sorted(keys(fields)) {
				value, ok := e[name].(string)
				switch {
				case !ok:
					lacks = append(lacks, "no "+name)
				case fields[name] != "" && value != fields[name]:
					lacks = append(lacks, name+" is "+value)
				}
			}
			if len(lacks) == 0 {
				return verify.Passed(fmt.Sprintf("among %d entries", len(all))), nil
			}
			if best < 0 || len(lacks) < best {
				best, missing = len(lacks), lacks
			}
		}
		cause := "the unit has logged nothing since it was started"
		if best >= 0 {
			cause = "the nearest has " + strings.Join(missing, ", ")
		}
		return f.Because(cause, "journalctl -u "+unit+" -o verbose; SyslogIdentifier= in the unit, fields by unit/journal's handler"), nil
	})
	c.Tags = append(c.Tags, "journal")
	return c
}

// invocation is the id of a unit's current run, which journald puts on each entry.
func invocation(p properties) (string, error) {
	id, err := get[[]byte](p, "InvocationID")
	if err != nil {
		return "", err
	}
	if len(id) == 0 {
		return "", fmt.Errorf("%s has not been started in this boot", p.text("Id"))
	}
	return fmt.Sprintf("%x", id), nil
}

// suppressed is SD_MESSAGE_JOURNAL_DROPPED, which journald logs when a unit wrote
// more than its rate limit lets through.
const suppressed = "a596d6fe7bfa4994828e72309e95d61e"

// JournalComplete holds where the journal let all of a unit's entries through in
// this boot: its rate limit was not hit.
func JournalComplete(unit string) verify.Check {
	c := ofUnit(unit, "journal complete", Standard, func(ctx context.Context, p properties) (verify.Finding, error) {
		if err := absent(p); err != nil {
			return verify.Finding{}, err
		}
		where, err := journalDir()
		if err == nil && where == "" {
			err = errNoJournal
		}
		if err != nil {
			return verify.Finding{}, err
		}
		all, err := entries(ctx, "--boot", "MESSAGE_ID="+suppressed)
		if err != nil {
			return verify.Finding{}, err
		}
		for _, e := range all {
			if text, _ := e["MESSAGE"].(string); strings.HasSuffix(text, " from "+unit) || strings.HasSuffix(text, "/"+unit) {
				return verify.Finding{
					Status: verify.Fail, Wanted: "every entry", Observed: "some were dropped", Cause: "journald: " + text,
					Remedy: "log less, or set LogRateLimitIntervalSec= and LogRateLimitBurst= in the unit",
				}, nil
			}
		}
		return verify.Passed("none dropped"), nil
	})
	c.Tags = append(c.Tags, "journal")
	return c
}

// The folders of the journal, the one that is kept over a boot first.
const persistent, volatile = "/var/log/journal", "/run/log/journal"

var errNoJournal = errors.New("journald keeps no journal: " + persistent + " and " + volatile + " have none of this machine")

// journalDir is where journald writes now; "" if nowhere.
func journalDir() (string, error) {
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		return "", err
	}
	for _, dir := range []string{persistent, volatile} {
		switch _, err := os.Stat(dir + "/" + strings.TrimSpace(string(id)) + "/system.journal"); {
		case err == nil:
			return dir, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
	}
	return "", nil
}

// JournalPersistent holds where the journal is kept over a boot, or is not, as
// wanted: where journald writes now, not what its settings say.
func JournalPersistent(wanted bool) verify.Check {
	return verify.Check{Name: "journal/persistent", Tags: []string{Quick, "journal"}, Look: func(context.Context) verify.Finding {
		dir, err := journalDir()
		if err != nil {
			return verify.CouldNotLook(err)
		}
		word := map[bool]string{true: "persistent", false: "volatile"}
		have, cause := word[dir == persistent], "journald writes to "+dir
		if dir == "" {
			have, cause = "none", errNoJournal.Error()
		}
		return verify.Equal(word[wanted], have).Because(cause,
			"Storage="+word[wanted]+" in /etc/systemd/journald.conf.d, then systemctl restart systemd-journald (and journalctl --flush)")
	}}
}
