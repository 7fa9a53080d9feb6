package transaction_test

import "syscall"

func syscallSetxattr(p, name, value string) error {
	return syscall.Setxattr(p, name, []byte(value), 0)
}
