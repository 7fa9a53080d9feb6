package layout

import (
	"fmt"
	"io/fs"
)

// DirMode is the mode of a directory, in chmod(1)'s octal: permission bits,
// 0o2000 (new files get the directory's group) and 0o1000 (only owners remove).
// Who may read or write a directory must also be able to enter it: a mode such
// as 0o644 is refused.
type DirMode uint32

// FileMode is the mode of a file, in chmod(1)'s octal. With 0o4000 (setuid) or
// 0o2000 (setgid), File.Privileged must be set too.
type FileMode uint32

func (m DirMode) or(zero DirMode) DirMode {
	if m == 0 {
		return zero
	}
	return m
}

func (m FileMode) or(zero FileMode) FileMode {
	if m == 0 {
		return zero
	}
	return m
}

func (m DirMode) check() error {
	switch {
	case m > 0o7777:
		return fmt.Errorf("mode %#o has more than permission bits", uint32(m))
	case m&0o4000 != 0:
		return fmt.Errorf("mode %04o: setuid means nothing on a directory; drop the 4", uint32(m))
	}
	for _, shift := range []int{6, 3, 0} {
		if class := m >> shift & 7; class != 0 && class&1 == 0 {
			return fmt.Errorf("mode %04o lets somebody read or write a directory that they can't enter; did you mean %04o?", uint32(m), uint32(m|m>>2&0o111|m>>1&0o111))
		}
	}
	return nil
}

func (m FileMode) check(privileged, capable bool) error {
	switch {
	case m > 0o7777:
		return fmt.Errorf("mode %#o has more than permission bits", uint32(m))
	case m&0o1000 != 0:
		return fmt.Errorf("mode %04o: the sticky bit means nothing on a file; drop the 1", uint32(m))
	case m&0o6000 != 0 && !privileged:
		return fmt.Errorf("mode %04o runs the file with its owner's rights; if that is meant, set Privileged as well", uint32(m))
	case m&0o6000 == 0 && privileged && !capable:
		return fmt.Errorf("mode %04o has neither setuid nor setgid, but Privileged is set; drop one of the two", uint32(m))
	}
	return nil
}

// unix turns octal into the standard library's bits.
func unix(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	if m&0o4000 != 0 {
		mode |= fs.ModeSetuid
	}
	if m&0o2000 != 0 {
		mode |= fs.ModeSetgid
	}
	if m&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}

const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// octal prints a mode as chmod(1) takes it.
func octal(m fs.FileMode) string {
	u := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		u |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		u |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		u |= 0o1000
	}
	return fmt.Sprintf("%04o", u)
}
