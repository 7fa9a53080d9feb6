package unit

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
)

// disable removes what enabling makes.
func (p *preparation) disable() error {
	for _, name := range p.set.Disabled {
		e := &enabling{p: p, seen: map[string]bool{}}
		if err := e.enable(name, false); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, unit := range slices.Sorted(maps.Keys(e.seen)) {
			if err := p.unlink(unit, nil); err != nil {
				return err
			}
		}
		for _, l := range e.links { // aliases of what is not in the Set's directory
			if !p.same(l.path, l.to) {
				continue
			}
			if err := p.unlinkOne(l.path, "", nil); err != nil {
				return err
			}
		}
	}
	return nil
}
