package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// size of the root disk: sparse, and room for a Go SDK and what tests write.
const size = "3G"

// bootstrap is mmdebstrap with what all our trees leave out: documentation and
// package lists weigh more than the rest.
func bootstrap(ctx context.Context, format, suite, mirror, target string, include []string) error {
	mode := "root"
	if os.Getuid() != 0 {
		mode = "unshare" // needs the package uidmap
	}
	argv := []string{
		"mmdebstrap", "-q", "--mode=" + mode, "--variant=essential", "--format=" + format, "--architectures=amd64",
		`--aptopt=Acquire::Languages "none"`, `--aptopt=APT::Install-Recommends "false"`,
	}
	for _, dir := range []string{"doc", "man", "locale", "info", "bash-completion", "zsh", "lintian"} {
		argv = append(argv, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	argv = append(argv, "--include="+strings.Join(include, ","), suite, target, mirror)
	_, err := tool(ctx, "", nil, argv...)
	return err
}

func rootFS(ctx context.Context, dir, suite, mirror string) (err error) {
	archive, tree := filepath.Join(dir, "root.tar"), filepath.Join(dir, "tree")
	defer func() { err = errors.Join(err, os.RemoveAll(archive), os.RemoveAll(tree)) }()
	if err := bootstrap(ctx, "tar", suite, mirror, archive, packages); err != nil {
		return err
	}
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	if _, err := tool(ctx, "", nil, "tar", "-xpf", archive, "-C", tree, "--numeric-owner", "--exclude=./dev/*"); err != nil {
		return err
	}
	// No journal and no checksums: nothing on this disk outlives a boot.
	_, err = tool(ctx, "", []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"},
		"mke2fs", "-q", "-t", "ext4", "-L", "root", "-m", "0", "-O", "^has_journal,^metadata_csum",
		"-E", "lazy_itable_init=1,root_owner=0:0,nodiscard", "-d", tree, filepath.Join(dir, "root.img"), size)
	return err
}
