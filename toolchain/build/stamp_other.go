//go:build !linux

package build

import "io/fs"

// stampOf knows no inode here: size and modification time have to do.
func stampOf(info fs.FileInfo) stamp {
	return stamp{Size: info.Size(), Modify: info.ModTime().UnixNano(), Changed: info.ModTime().UnixNano()}
}
