package goenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/bedplate/bedplate"
	"github.com/bedplate/bedplate/internal/rootfs"
)

// Shell is a shell by its name.
type Shell string

// The shells, with the file that each reads when it is interactive.
const (
	Bash Shell = "bash" // ~/.bashrc
	Zsh  Shell = "zsh"  // ~/.zshrc
	Fish Shell = "fish" // ~/.config/fish/config.fish
)

var rcFiles = map[Shell]string{Bash: ".bashrc", Zsh: ".zshrc", Fish: ".config/fish/config.fish"}

// ShellPath puts a directory of programs first in the PATH of the current
// user's shell, by a block between two marks in its rc file. It needs no root,
// and nothing outside the marks is touched: taken out again, the file is what it
// was. It is a bedplate.Resource.
type ShellPath struct {
	// Bin is the directory.
	Bin string
	// Shell is whose file it is.
	Shell Shell
	// Home is the user's home directory. It must be the current user's own:
	// writing in another's would follow where that user leads.
	Home string
	// File is the rc file, if it is not where the shell looks by default, such
	// as below $ZDOTDIR. "": Shell's in Home.
	File string
	// Absent takes the block out; a file that held nothing else goes too.
	Absent bool
}

// Plan says what Ensure would change.
func (p ShellPath) Plan(context.Context) ([]bedplate.Change, error) {
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	return t.plan()
}

// Ensure writes or removes the block.
func (p ShellPath) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	return t.ensure(ctx)
}

func (p ShellPath) target() (target, error) {
	rc, known := rcFiles[p.Shell]
	if !known {
		return target{}, fmt.Errorf("goenv: Shell=%q is none of bash, zsh, fish", p.Shell)
	}
	file := p.File
	if file == "" {
		file = p.Home + "/" + rc
	}
	if err := errors.Join(absolute("Home", p.Home), absolute("File", file), checkBin(p.Bin, p.Absent)); err != nil {
		return target{}, err
	}
	if err := ownHome(p.Home); err != nil {
		return target{}, err
	}
	block := posix(p.Bin)
	if p.Shell == Fish {
		q := "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(p.Bin) + "'"
		block = "if not contains -- " + q + " $PATH\n    set -gx PATH " + q + " $PATH\nend\n"
	}
	return target{path: file, mode: 0o644, edit: func(old []byte, exists bool) ([]byte, string, error) {
		text, err := withBlock(string(old), block, p.Absent)
		if err != nil {
			return nil, "", fmt.Errorf("goenv: %s: %w", file, err)
		}
		detail := "PATH: " + p.Bin + " first"
		if p.Absent {
			detail = "PATH: the block is taken out"
		}
		if text == "" && (p.Absent || !exists) {
			if exists && len(old) == 0 {
				return old, "", nil // empty before us
			}
			return nil, detail, nil
		}
		return []byte(text), detail, nil
	}}, nil
}

func ownHome(home string) error {
	f, err := os.Open(home)
	if err != nil {
		return fmt.Errorf("goenv: Home: %w", err)
	}
	defer f.Close()
	info, err := rootfs.StatFile(f)
	if err != nil {
		return fmt.Errorf("goenv: Home: %w", err)
	}
	if info.UID != os.Geteuid() {
		return fmt.Errorf("goenv: Home=%s belongs to user %d, and this is user %d; do it as that user, or use LoginPath for all", home, info.UID, os.Geteuid())
	}
	return nil
}

const (
	blockBegin = "# >>> bedplate: Go in PATH >>>"
	blockEnd   = "# <<< bedplate: Go in PATH <<<"
	// joined marks that the line above had no line break, so that it can be given
	// back without one.
	joined = " (the line above ended the file)"
)

var errBlock = errors.New("its marks are damaged: one without the other, or more than one pair; mend or remove the lines between \"" + blockBegin + "\" and \"" + blockEnd + "\"")

// withBlock gives the text with the block in its place, or at the end, or
// without it.
func withBlock(text, block string, absent bool) (string, error) {
	before, inside, after, err := cutBlock(text)
	if err != nil {
		return "", err
	}
	if inside == "" { // not there yet
		if absent {
			return text, nil
		}
		begin := blockBegin
		if text != "" && !strings.HasSuffix(text, "\n") {
			text, begin = text+"\n", begin+joined
		}
		return text + begin + "\n" + block + blockEnd + "\n", nil
	}
	first, _, _ := strings.Cut(inside, "\n")
	wasJoined := strings.HasSuffix(first, joined)
	if !absent {
		return before + first + "\n" + block + blockEnd + "\n" + after, nil
	}
	if wasJoined {
		before = strings.TrimSuffix(before, "\n")
		if after != "" { // somebody went on below
			before += "\n"
		}
	}
	return before + after, nil
}

// cutBlock finds the block with its marks; inside is "" where there is none.
func cutBlock(text string) (before, inside, after string, err error) {
	begin, end, at := -1, -1, 0
	for l := range strings.Lines(text) {
		switch strings.TrimSuffix(l, "\n") {
		case blockBegin, blockBegin + joined:
			if begin >= 0 {
				return "", "", "", errBlock
			}
			begin = at
		case blockEnd:
			if end >= 0 || begin < 0 {
				return "", "", "", errBlock
			}
			end = at + len(l)
		}
		at += len(l)
	}
	switch {
	case begin < 0 && end < 0:
		return text, "", "", nil
	case begin < 0 || end < 0:
		return "", "", "", errBlock
	}
	return text[:begin], text[begin:end], text[end:], nil
}
