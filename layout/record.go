package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/atomicfile"
	"github.com/bedplate/bedplate/internal/tmpfiles"
)

// record is the owners and modes that the first boot applies, as a file of
// tmpfiles.d(5). Lines of paths that the tree does not mention are kept: they
// are another run's, or those of directories made on the way.
type record struct {
	item    *item // the file itself
	old     map[lineKey]tmpfiles.Line
	foreign []tmpfiles.Line // of patterns and such
	wanted  map[lineKey]tmpfiles.Line
	dropped []string          // paths, with all in them
	unsaid  []lineKey         // lines that are not wanted any more
	owned   map[string]string // the directories that are not to be root's
	merged  []byte
	change  bedplate.Change // of the file; its Op is empty if there is none
}

// lineKey tells a path's lines apart: that of owner and mode, of rights ("a") and
// of attributes ("t").
type lineKey struct{ path, kind string }

func keyOf(p, lineType string) lineKey {
	if k := lineType[:1]; k == "a" || k == "t" {
		return lineKey{p, k}
	}
	return lineKey{p, ""}
}

const (
	recordDir     = "/etc/tmpfiles.d"
	recordComment = "Owners and modes for the first boot, written by bedplate.\nPack the image with all files owned by root."
)

func (t Tree) recordPath() string {
	name := t.Name
	if name == "" {
		name = "tree"
	}
	return recordDir + "/bedplate-" + name + ".conf"
}

func openRecord(r *run) (*record, error) {
	p := r.tree.recordPath()
	rec := &record{item: r.implicitFile(p), old: map[lineKey]tmpfiles.Line{}, wanted: map[lineKey]tmpfiles.Line{}, owned: map[string]string{}}
	r.record = rec
	if err := rec.read(r); err != nil {
		return nil, err
	}
	var errs []error
	for i := range r.items {
		it := &r.items[i]
		if it.dir != nil && it.owner != "root" {
			rec.owned[it.path] = it.owner
		}
		if it.path == p {
			errs = append(errs, &EntryError{p, errors.New("the record of owners is kept there; choose another path, or another Name for the tree")})
		}
	}
	for i := range r.items {
		it := &r.items[i]
		switch {
		case it.absent != nil:
			rec.dropped = append(rec.dropped, it.path)
		case it.dir != nil || it.file != nil:
			if err := errors.Join(rec.check(it), rec.want(it)); err != nil {
				errs = append(errs, &EntryError{it.path, err})
			}
		}
	}
	if len(rec.wanted) > 0 {
		errs = append(errs, rec.want(rec.item))
	}
	return rec, errors.Join(errs...)
}

func (r *run) implicitFile(p string) *item {
	it := &item{path: p, file: &File{Path: p}}
	it.fill()
	return it
}

func (rec *record) read(r *run) error {
	if r.walk == nil {
		return nil
	}
	d, err := r.walk.dir(recordDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &EntryError{rec.item.path, err}
	}
	info, ok, err := look(d, rec.item)
	if err != nil || !ok {
		return err
	}
	if !info.Mode.IsRegular() {
		return occupied(rec.item, info)
	}
	b, err := r.walk.root.ReadFile(d.real + "/" + rec.item.base)
	if err != nil {
		return &EntryError{rec.item.path, err}
	}
	lines, err := tmpfiles.Parse(b)
	if err != nil {
		return &EntryError{rec.item.path, fmt.Errorf("the record of owners is damaged; remove it to have it written anew: %w", err)}
	}
	for _, l := range lines {
		if p, err := l.Plain(); err == nil {
			rec.old[keyOf(p, l.Type)] = l
		} else {
			rec.foreign = append(rec.foreign, l)
		}
	}
	return nil
}

// above gives the owner of the directory that holds p, as it will be, and
// refuses a path that systemd-tmpfiles would: it does not go from a directory
// of one user to one of another, since the first could replace it.
func (rec *record) above(p string) (string, error) {
	last := "root"
	if len(rec.owned) == 0 {
		return last, nil
	}
	for i := 1; i < len(p); i++ {
		if p[i] != '/' {
			continue
		}
		owner, ok := rec.owned[p[:i]]
		if !ok {
			owner = "root"
		}
		if last != "root" && owner != last {
			return "", fmt.Errorf("its owner can't be recorded: systemd-tmpfiles won't go to %s, which is %s's, through a directory of %s's; give both to one, or move it", printable(p[:i]), owner, last)
		}
		last = owner
	}
	return last, nil
}

func (rec *record) check(it *item) error {
	if _, err := rec.above(it.path); err != nil {
		return err
	}
	if above, _ := rec.above(it.path); above != "root" && len(it.extras.String()) > 0 {
		return fmt.Errorf("its rights and attributes can't be recorded: systemd-tmpfiles does not look for patterns in a directory of %s's", above)
	}
	if strings.Contains(it.path, "\n") {
		return errors.New("its owner can't be recorded: tmpfiles.d(5) has no way to write a newline in a path")
	}
	return nil
}

// line records one entry. A file's is of type z, which never makes a file; only
// f reaches one inside a directory that is not root's.
func (rec *record) line(it *item) tmpfiles.Line {
	t := "d"
	if it.file != nil {
		t = "z"
		if above, _ := rec.above(it.path); above != "root" {
			t = "f"
		}
	}
	return tmpfiles.Line{Type: t, Path: tmpfiles.Literal(t, it.path), Mode: octal(it.shown()), User: it.owner, Group: it.group}
}

func (rec *record) want(it *item) error {
	rec.wanted[lineKey{it.path, ""}] = rec.line(it)
	more, err := it.extraLines()
	for _, l := range more {
		rec.wanted[keyOf(it.path, l.Type)] = l
	}
	if a := (lineKey{it.path, "a"}); it.extras != nil && it.extras.access != nil && rec.wanted[a].Type == "" && rec.old[a].Type != "" {
		rec.unsaid = append(rec.unsaid, a)
	}
	return err
}

// drift compares what is recorded of an entry with what should be.
func (rec *record) drift(it *item) (parts []string) {
	key := lineKey{it.path, ""}
	if want, old := rec.wanted[key], rec.old[key]; want != old {
		from := "nothing"
		if old.Type != "" {
			from = old.Mode + " " + old.User + ":" + old.Group
		}
		parts = append(parts, "recorded "+from+" → "+want.Mode+" "+want.User+":"+want.Group)
	}
	for _, kind := range [][2]string{{"a", "rights"}, {"t", "attributes"}} {
		key := lineKey{it.path, kind[0]}
		switch want, old := rec.wanted[key], rec.old[key]; {
		case want.Type != "" && want != old:
			parts = append(parts, "recorded "+kind[1])
		case slices.Contains(rec.unsaid, key):
			parts = append(parts, "recorded "+kind[1]+" dropped")
		}
	}
	return parts
}

// aboveRecord makes the directories that the record is in.
func (r *run) aboveRecord() (errs []error) {
	if len(r.record.wanted) == 0 {
		return nil
	}
	for i := range r.items {
		if it := &r.items[i]; it.dir != nil && inside(r.record.item.path, it.path) {
			it.early = true
			if err := r.item(it); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return errs
	}
	if _, err := r.holder(r.record.item.path); err != nil {
		errs = append(errs, &EntryError{r.record.item.path, err})
	}
	return errs
}

// planRecord puts the change of the record before those of the entries: at is
// where they begin.
func (r *run) planRecord(at int) error {
	rec := r.record
	lines := map[lineKey]tmpfiles.Line{}
	for key, l := range rec.old {
		lines[key] = l
	}
	for _, gone := range rec.dropped {
		for key := range lines {
			if key.path == gone || inside(key.path, gone) {
				delete(lines, key)
			}
		}
	}
	for _, key := range rec.unsaid {
		delete(lines, key)
	}
	removed, changed := len(rec.old)-len(lines), 0
	for key, l := range rec.wanted {
		if rec.old[key] != l {
			changed++
		}
		lines[key] = l
	}
	if changed == 0 && removed == 0 {
		return nil
	}
	all := rec.foreign
	for _, l := range lines {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b tmpfiles.Line) int { return strings.Compare(a.Type, b.Type) })
	rec.merged = tmpfiles.Render(recordComment, all)
	change := bedplate.Change{Op: bedplate.OpUpdate, Kind: "file", Target: rec.item.path, Detail: fmt.Sprintf("records %d owners and modes, drops %d", changed, removed)}
	if len(rec.old)+len(rec.foreign) == 0 {
		change.Op = bedplate.OpCreate
	}
	r.changes = append(r.changes[:at:at], append([]bedplate.Change{change}, r.changes[at:]...)...)
	rec.change = change
	return nil
}

func (r *run) writeRecord() error {
	rec := r.record
	if rec.change.Op == "" {
		return nil
	}
	d, err := r.holder(rec.item.path)
	if err == nil {
		_, err = atomicfile.WriteAt(d.f, rec.item.base, rec.merged, atomicfile.Options{Mode: rec.item.mode})
	}
	if err != nil {
		return &EntryError{rec.item.path, err}
	}
	r.changes = append(r.changes, rec.change)
	return nil
}
