package cgroupv2

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Peak follows the most memory that a cgroup uses (kernel 5.19). It can begin
// anew for this follower alone, where the kernel has that (6.12).
type Peak struct{ file *os.File }

// MemoryPeak opens the cgroup's peak of memory.
func (g Group) MemoryPeak() (*Peak, error) { return g.peak("memory.peak") }

// SwapPeak opens the cgroup's peak of swap (kernel 6.5).
func (g Group) SwapPeak() (*Peak, error) { return g.peak("memory.swap.peak") }

func (g Group) peak(file string) (*Peak, error) {
	tree, rel, err := at(g.Path)
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	f, err := tree.OpenFile(rel, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &UnavailableError{Path: g.Path, What: file, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("cgroupv2: %w", err)
	}
	return &Peak{f}, nil
}

// Bytes is the peak since the cgroup was made, or since Reset.
func (p *Peak) Bytes() (uint64, error) {
	b := make([]byte, 32)
	n, err := p.file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("cgroupv2: %w", err)
	}
	v, ok := number([]byte(strings.TrimSpace(string(b[:n]))))
	if !ok {
		return 0, fmt.Errorf("cgroupv2: %s: %q is no number", p.file.Name(), b[:n])
	}
	return v, nil
}

// Reset lets this Peak begin with what is used now; others keep theirs. A kernel
// that can't gives an UnavailableError.
func (p *Peak) Reset() error {
	_, err := p.file.WriteString("reset\n")
	switch {
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EBADF), errors.Is(err, fs.ErrPermission):
		return &UnavailableError{Path: p.file.Name(), What: "reset of the peak (kernel 6.12)", Err: err}
	case err != nil:
		return fmt.Errorf("cgroupv2: %w", err)
	}
	return nil
}

// Close ends it.
func (p *Peak) Close() error { return p.file.Close() }
