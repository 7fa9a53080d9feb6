//go:build !linux

package rootfs

import "io/fs"

func (r *Root) resolve(name string, flag int, perm fs.FileMode) (int, error) {
	return r.walk(name, flag, perm)
}
