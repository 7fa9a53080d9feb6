package atomicfile

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	prefix = "."
	suffix = ".bedplate"
)

// temporary is the name that the file called name is written under. A directory
// entry has at most 255 bytes.
func temporary(name string) string {
	if len(name) > 255-len(prefix)-len(suffix) {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:16])
	}
	return prefix + name + suffix
}

// IsTemporary says whether a directory entry is a file or link that a writer is
// at work on, or left behind when it was killed.
func IsTemporary(name string) bool {
	return len(name) > len(prefix)+len(suffix) && strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix)
}
