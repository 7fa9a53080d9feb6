//go:build !linux

package transaction_test

import "errors"

func syscallSetxattr(_, _, _ string) error { return errors.ErrUnsupported }
