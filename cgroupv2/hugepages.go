package cgroupv2

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// HugePageLimit limits huge pages of one size, in bytes: {Size: MiB(2), Max: GiB(1)}.
// systemd has no directive for it and does not delegate the controller.
type HugePageLimit struct {
	Size Memory
	Max  Memory
}

// MiscLimit limits a resource of the misc controller, such as "sev" (kernel
// 5.13). What there is stands in misc.capacity of the root.
type MiscLimit struct {
	Resource string
	Max      Count
}

var miscName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

// hugeSizes are those of all architectures, as the kernel writes them.
var hugeSizes = []string{"64KB", "1MB", "2MB", "16MB", "32MB", "512MB", "1GB", "2GB", "16GB"}

// hugeSize is the size as it stands in file names: "2MB".
func hugeSize(n uint64) string {
	switch {
	case n >= 1<<30:
		return strconv.FormatUint(n>>30, 10) + "GB"
	case n >= 1<<20:
		return strconv.FormatUint(n>>20, 10) + "MB"
	}
	return strconv.FormatUint(n>>10, 10) + "KB"
}

// hugeBytes is the way back; 0 for what is no size.
func hugeBytes(name string) uint64 {
	if len(name) < 3 {
		return 0
	}
	n, err := strconv.ParseUint(name[:len(name)-2], 10, 16)
	shift := map[string]int{"KB": 10, "MB": 20, "GB": 30}[name[len(name)-2:]]
	if err != nil || shift == 0 {
		return 0
	}
	return n << shift
}

func (l HugePageLimit) validate(field string) error {
	n, ok := l.Size.Bytes()
	if !ok || n < 1<<12 || n&(n-1) != 0 {
		return fieldError(field+".Size", l.Size.String(), "a page's size is a power of two, such as MiB(2)")
	}
	if !l.Max.IsSet() || l.Max.state == relative {
		return fieldError(field+".Max", l.Max.String(), "it is an amount, such as GiB(1), or UnlimitedMemory")
	}
	return l.Max.validate(field+".Max", 0)
}

func (l HugePageLimit) setting() setting {
	n, _ := l.Size.Bytes()
	kept := l.Max
	if kept.state == limited {
		kept.n -= kept.n % n
	}
	return setting{file: "hugetlb." + hugeSize(n) + ".max", write: l.Max.kernel(), read: kept.kernel()}
}

func (l MiscLimit) validate(field string) error {
	var errs []error
	if !miscName.MatchString(l.Resource) {
		errs = append(errs, fieldError(field+".Resource", strconv.Quote(l.Resource), `it is a name out of the root's misc.capacity, such as "sev"`))
	}
	if !l.Max.IsSet() || l.Max.state == limited && l.Max.n > mostRate {
		errs = append(errs, fieldError(field+".Max", l.Max.String(), "it is a number, or UnlimitedTasks"))
	}
	return errors.Join(errs...)
}

func (l MiscLimit) setting() setting {
	line := l.Resource + " " + l.Max.kernel()
	return setting{file: "misc.max", write: line, read: line, device: l.Resource}
}

// validateHuge finds what is named twice, too.
func (l Limits) validateHuge() error {
	var errs []error
	seen := map[string]bool{}
	twice := func(field, name string) {
		if seen[name] {
			errs = append(errs, fieldError(field, name, "it is named twice"))
		}
		seen[name] = true
	}
	for i, h := range l.HugePages {
		field := fmt.Sprintf("HugePages[%d]", i)
		errs = append(errs, h.validate(field))
		twice(field+".Size", h.Size.String())
	}
	for i, m := range l.Misc {
		field := fmt.Sprintf("Misc[%d]", i)
		errs = append(errs, m.validate(field))
		twice(field+".Resource", "misc "+m.Resource)
	}
	return errors.Join(errs...)
}
