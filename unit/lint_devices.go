package unit

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const openQuote = "a quote is not closed"

// integer reads a number as systemd does, in octal behind 0 and hexadecimal behind 0x.
func integer(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 0, 64)
	return n, err == nil && !strings.Contains(s, "_")
}

// cpusProblem checks sets of processors or memory nodes.
func cpusProblem(_ *linter, key, value string) string {
	if key == "CPUAffinity" && value == "numa" || key == "NUMAMask" && value == "all" {
		return ""
	}
	for _, w := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		low, high, isRange := strings.Cut(w, "-")
		if !isRange {
			high = low
		}
		from, okLow := integer(low)
		to, okHigh := integer(high)
		if !okLow || !okHigh || from < 0 || from > to || to >= mostCPUs {
			return fmt.Sprintf("%q is no number and no range; 0-3 8 is a set", w)
		}
	}
	return ""
}

// mostCPUs is what systemd reckons with at most.
const mostCPUs = 8192

// devicesProblem checks DeviceAllow=: what, and how it may be used.
func devicesProblem(_ *linter, _, value string) string {
	list, ok := splitVerbatim(value)
	switch {
	case !ok:
		return openQuote
	case specified(value):
		return ""
	case len(list) == 0 || len(list) > 2 || !strings.HasPrefix(list[0], "/dev/") && !strings.HasPrefix(list[0], "block-") &&
		!strings.HasPrefix(list[0], "char-") && !strings.HasPrefix(list[0], "/run/systemd/inaccessible/"):
		return "it is a device below /dev, or block- or char- and a name from /proc/devices, and some of rwm"
	case len(list) == 2 && strings.Trim(list[1], "rwm") != "":
		return "of a device, r, w and m can be allowed"
	}
	return ""
}

// weighedProblem checks a device with a weight or a latency.
func weighedProblem(check problem) problem {
	return func(l *linter, key, value string) string {
		device, rest, ok := strings.Cut(value, " ")
		if !ok || !rooted(device) {
			return "it is the path of a device, and a value"
		}
		return check(l, key, strings.Trim(rest, blank))
	}
}

// mapped checks lists of words that are taken apart at colons, the first part a
// path, which may be missing behind a "-" where optional.
type mapped struct {
	optional, two bool     // "-" is allowed; a second path is needed
	second        bool     // the second part is a path
	real          bool     // the first is outside of /dev, /proc and /sys
	words         []string // what the third may be; nil: anything
}

func (m mapped) problem(l *linter, key, value string) string {
	list, ok := splitVerbatim(value)
	if !ok {
		return openQuote
	}
	for _, w := range list {
		parts := strings.SplitN(w, ":", 3)
		first := parts[0]
		if m.optional {
			first = strings.TrimPrefix(first, "-")
		}
		switch {
		case !rooted(first):
			return fmt.Sprintf("%q does not begin with an absolute path", w)
		case m.real && realPathProblem(l, key, first) != "":
			return fmt.Sprintf("%q is of the kernel's own file systems", w)
		case m.two && len(parts) < 2, m.second && len(parts) > 1 && !rooted(parts[1]):
			return fmt.Sprintf("%q lacks a second absolute path behind the colon", w)
		case m.words != nil && len(parts) > 2 && !contains(m.words, parts[2]):
			return fmt.Sprintf("%q ends in no such option; %s are some", w, strings.Join(m.words, ", "))
		}
	}
	return ""
}

var (
	bindPaths  = mapped{optional: true, second: true, words: []string{"rbind", "norbind", "idmap", "noidmap", "rootidmap"}}
	images     = mapped{optional: true, real: true}
	mountings  = mapped{optional: true, two: true, second: true}
	temporary  = mapped{}
	filters    = strings.Fields(`egress ingress sock_create sock_ops device bind4 bind6 connect4 connect6 post_bind4 post_bind6 sendmsg4 sendmsg6 sysctl recvmsg4 recvmsg6 getsockopt setsockopt`)
	partitions = strings.Fields(`root usr home srv esp xbootldr swap root-verity usr-verity root-verity-sig usr-verity-sig tmp var`)
)

// programProblem checks BPFProgram=: where it is attached, and the path.
func programProblem(_ *linter, _, value string) string {
	at, p, _ := strings.Cut(value, ":")
	if !contains(filters, at) || !rooted(p) {
		return "it is where to attach, such as egress, a colon, and an absolute path"
	}
	return ""
}

// searchProblem checks paths with colons between.
func searchProblem(_ *linter, _, value string) string {
	for p := range strings.SplitSeq(value, ":") {
		if !rooted(p) {
			return fmt.Sprintf("%q is no absolute path; colons are between them", p)
		}
	}
	return ""
}

// hashProblem checks RootHash= and RootHashSignature=: a path, or the thing itself.
func hashProblem(_ *linter, key, value string) string {
	if strings.HasPrefix(value, "/") {
		return ""
	}
	if key == "RootHash" {
		if b, err := hex.DecodeString(value); err != nil || len(b) < 16 {
			return "it is an absolute path, or a hash in hexadecimal digits"
		}
		return ""
	}
	data, ok := strings.CutPrefix(value, "base64:")
	if !ok || !encoded(data) {
		return "it is an absolute path, or base64: and the signature"
	}
	return ""
}

func encoded(s string) bool {
	_, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	return err == nil
}

func dataProblem(_ *linter, _, value string) string {
	if !encoded(value) {
		return "it is no Base64"
	}
	return ""
}

// partitionsProblem checks RootImageOptions=: a partition and its mount options.
func partitionsProblem(_ *linter, _, value string) string {
	list, ok := splitVerbatim(value)
	if !ok {
		return openQuote
	}
	for _, w := range list {
		if p, _, two := strings.Cut(w, ":"); two && p != "" && !slices.Contains(partitions, p) {
			return fmt.Sprintf("there is no partition %q; root, usr and home are some", p)
		}
	}
	return ""
}

// realPathProblem checks a path that newer systemds have be outside of /dev, /proc
// and /sys.
func realPathProblem(l *linter, key, value string) string {
	if p := pathProblem(l, key, value); p != "" {
		return p
	}
	for _, api := range []string{"/dev/", "/proc/", "/sys/"} {
		if l.version > 252 && strings.HasPrefix(value, api) {
			return "it is below " + api
		}
	}
	return ""
}

// pidFileProblem checks PIDFile=, which may be relative to /run.
func pidFileProblem(l *linter, key, value string) string {
	if rooted(value) {
		return realPathProblem(l, key, value)
	}
	return ""
}

// openProblem checks OpenFile=: a path, a name for its descriptor, options.
func openProblem(_ *linter, _, value string) string {
	part := strings.SplitN(value, ":", 3)
	if !strings.HasPrefix(part[0], "/") {
		return "it begins with no absolute path"
	}
	if len(part) == 3 {
		for o := range strings.SplitSeq(part[2], ",") {
			if !contains([]string{"read-only", "append", "truncate", "graceful"}, o) {
				return fmt.Sprintf("there is no option %q", o)
			}
		}
	}
	return ""
}

// policyProblem checks RootImagePolicy= and its kin (systemd.image-policy(7)).
func policyProblem(_ *linter, _, value string) string {
	if contains([]string{"*", "-", "~"}, value) {
		return ""
	}
	for term := range strings.SplitSeq(value, ":") {
		partition, uses, ok := strings.Cut(term, "=")
		if !ok || partition != "" && !contains(partitions, partition) {
			return fmt.Sprintf("%q is no partition and what may be done with it", term)
		}
		for u := range strings.SplitSeq(uses, "+") {
			if !contains(imageUses, u) {
				return fmt.Sprintf("%q is nothing that may be done with a partition", u)
			}
		}
	}
	return ""
}

var imageUses = strings.Fields("verity signed encrypted unprotected unused absent open ignore read-only-on read-only-off growfs-on growfs-off")
