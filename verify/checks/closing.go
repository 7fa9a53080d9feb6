package checks

import (
	"errors"
	"io"
)

// closing closes what a failed look had open and keeps the reason first.
func closing(err error, open ...io.Closer) error {
	for _, c := range open {
		err = errors.Join(err, c.Close())
	}
	return err
}
