package unit

import (
	"maps"
	"slices"
	"strings"
)

// sandbox reads the Sandbox of a rendered unit. A file that does not say exactly
// what one says has its own, in Extra.
func (r *reader) sandbox(s Service) Sandbox {
	guess := sandboxGuess(r.file)
	d := &draft{kind: "service"}
	guess.draft(d, s)
	want := d.all()
	if d.errs != nil || len(want) == 0 {
		return Sandbox{Off: true}
	}
	keys := map[string][]string{}
	for _, w := range want {
		keys[w.Name] = append(keys[w.Name], w.Value)
	}
	for key, values := range keys {
		var have []string
		for _, e := range r.file.entries {
			if e.Section == "Service" && e.Key == key {
				have = append(have, e.Value)
			}
		}
		// What stands behind it may be the caller's, in Extra.
		if len(have) < len(values) || !slices.Equal(have[:len(values)], values) {
			return Sandbox{Off: true}
		}
	}
	for key := range maps.Keys(keys) {
		left := len(keys[key])
		for i, e := range r.file.entries {
			if e.Section == "Service" && e.Key == key && left > 0 {
				r.taken[i] = true
				left--
			}
		}
	}
	return guess
}

// sandboxGuess is the Sandbox that may have made a file.
func sandboxGuess(f *File) (b Sandbox) {
	first := func(key string) string {
		for _, e := range f.entries {
			if e.Section == "Service" && e.Key == key {
				return e.Value
			}
		}
		return ""
	}
	has := func(key, value string) bool {
		for _, e := range f.entries {
			if e.Section == "Service" && e.Key == key && e.Value == value {
				return true
			}
		}
		return false
	}
	if caps := first("CapabilityBoundingSet"); caps != "" {
		b.Capabilities = strings.Fields(caps)
	}
	families := strings.Fields(first("RestrictAddressFamilies"))
	b.Netlink = contains(families, "AF_NETLINK")
	b.NoNetwork = has("PrivateNetwork", "yes")
	b.Chown = has("SystemCallFilter", "@chown")
	b.WritableCode = !has("MemoryDenyWriteExecute", "yes")
	b.Devices = !has("PrivateDevices", "yes")
	b.Home = !has("ProtectHome", "yes")
	return b
}
