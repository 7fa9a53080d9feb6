package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// modules that the init loads, with those that they need. What a kernel has
// built in is passed over.
var modules = []string{
	"virtio_pci", "virtio_blk", "virtio_console", "virtio_net",
	"ext4", "overlay", "autofs4", "loop", "dm_mod", "bfq",
}

// kernel fetches the suite's kernel package and keeps its image and modules.
func kernel(ctx context.Context, dir, suite, mirror string) (err error) {
	work := filepath.Join(dir, "kernel")
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	tree := filepath.Join(work, "tree")
	deb, err := download(ctx, work, suite, mirror)
	if err != nil {
		return err
	}
	if _, err := tool(ctx, "", nil, "dpkg-deb", "-x", deb, tree); err != nil {
		return err
	}
	image, err := only(filepath.Join(tree, "boot", "vmlinuz-*"))
	if err != nil {
		return err
	}
	if err := os.Rename(image, filepath.Join(dir, "vmlinuz")); err != nil {
		return err
	}
	return keepModules(ctx, tree, dir)
}

// download gets the newest cloud kernel of a suite.
func download(ctx context.Context, work, suite, mirror string) (deb string, err error) {
	env, err := apt(ctx, work, "deb", suite, mirror)
	if err != nil {
		return "", err
	}
	out, err := tool(ctx, work, env, "apt-cache", "depends", "linux-image-cloud-amd64")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(out), "\n") {
		if pkg, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
			if _, err := tool(ctx, work, env, "apt-get", "-qq", "download", "linux-image-"+pkg); err != nil {
				return "", err
			}
			return only(filepath.Join(work, "linux-image-*.deb"))
		}
	}
	return "", fmt.Errorf("linux-image-cloud-amd64 of %s depends on no kernel:\n%s", suite, out)
}

func only(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d files are %s; one was expected", len(found), pattern)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// keepModules puts the wanted modules, uncompressed, into DIR/modules, their
// names in the order of loading.
func keepModules(ctx context.Context, tree, dir string) error {
	lib, err := only(filepath.Join(tree, "*", "lib", "modules", "*"))
	if err != nil {
		if lib, err = only(filepath.Join(tree, "lib", "modules", "*")); err != nil {
			return err
		}
	}
	base := filepath.Dir(filepath.Dir(filepath.Dir(lib))) // what lib/modules lies in
	if _, err := tool(ctx, "", []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"}, "depmod", "-b", base, filepath.Base(lib)); err != nil {
		return err
	}
	deps, err := os.ReadFile(filepath.Join(lib, "modules.dep"))
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "modules"), 0o755); err != nil {
		return err
	}
	for i, name := range loadOrder(string(deps), modules) {
		data, err := os.ReadFile(filepath.Join(lib, name))
		if err != nil {
			return err
		}
		if plain, compressed := strings.CutSuffix(name, ".xz"); compressed {
			name = plain
			unxz := exec.CommandContext(ctx, "xz", "-dc")
			unxz.Stdin = bytes.NewReader(data)
			if data, err = unxz.Output(); err != nil {
				return fmt.Errorf("xz: %s: %w", name, err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "modules", fmt.Sprintf("%03d-%s", i, filepath.Base(name))), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// loadOrder reads modules.dep ("a/b.ko: c/d.ko e.ko") and gives the wanted
// modules' files, each after those that it needs.
func loadOrder(deps string, wanted []string) (files []string) {
	needs, fileOf := map[string][]string{}, map[string]string{}
	for _, line := range strings.Split(deps, "\n") {
		if file, rest, ok := strings.Cut(line, ":"); ok {
			needs[file] = strings.Fields(rest)
			name, _, _ := strings.Cut(filepath.Base(file), ".ko")
			fileOf[strings.ReplaceAll(name, "-", "_")] = file
		}
	}
	seen := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		for _, d := range needs[file] {
			visit(d)
		}
		files = append(files, file)
	}
	for _, name := range wanted {
		if file, ok := fileOf[name]; ok {
			visit(file)
		}
	}
	return files
}
