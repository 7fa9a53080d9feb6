package image

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMirrorOfBothFormats(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"one line":       {"# deb http://old.example.com/debian x main\ndeb [signed-by=/k.gpg] http://a.example.com/debian bookworm main\n", "http://a.example.com/debian"},
		"stanza":         {"Types: deb\nURIs: https://b.example.com/x/debian/\nSuites: trixie\n", "https://b.example.com/x/debian/"},
		"security alone": {"deb http://a.example.com/debian-security bookworm-security main\n", ""},
		"nothing":        {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, mirrorIn(bufio.NewScanner(strings.NewReader(c.text))))
		})
	}
}

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	deps := "k/a/ext4.ko.xz: k/b/jbd2.ko.xz k/c/crc-16.ko.xz\nk/b/jbd2.ko.xz:\nk/c/crc-16.ko.xz:\nk/v/virtio-blk.ko: k/c/crc-16.ko.xz\n"
	require.Equal(t, []string{"k/c/crc-16.ko.xz", "k/v/virtio-blk.ko", "k/b/jbd2.ko.xz", "k/a/ext4.ko.xz"},
		loadOrder(deps, []string{"virtio_blk", "built_in", "ext4"}))
}

func TestAHalfBuiltEntryNeverCounts(t *testing.T) {
	b := Builder{Cache: t.TempDir()}
	broken := errors.New("mirror went away")
	_, err := b.once(context.Background(), "e", func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, "half"), nil, 0o644), broken)
	})
	require.ErrorIs(t, err, broken)
	require.NoDirExists(t, filepath.Join(b.Cache, "e"))
	dir, err := b.once(context.Background(), "e", func(string) error { return nil })
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, "half"))
}

func TestConcurrentBuildersBuildOnce(t *testing.T) {
	b := Builder{Cache: t.TempDir()}
	var built atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := b.once(context.Background(), "e", func(string) error { built.Add(1); return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, built.Load())
}

func TestAFailedToolSaysItsLastWords(t *testing.T) {
	_, err := tool(context.Background(), "", nil, "sh", "-c", "seq 100; echo no space left >&2; exit 3")
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "100\nno space left")
	require.NotContains(t, err.Error(), "\n50\n")
}
