package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// apt makes a folder in which apt knows one suite's packages (kind deb) or
// sources (deb-src) and nothing of this host, whose release may be another. It
// gives the environment that makes it so.
func apt(ctx context.Context, work, kind, suite, mirror string) ([]string, error) {
	for _, d := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(work, d), 0o755); err != nil {
			return nil, err
		}
	}
	config := fmt.Sprintf(`Dir::State::lists "%[1]s/lists"; Dir::State::status "/dev/null"; Dir::Cache "%[1]s";
Dir::Etc::sourcelist "%[1]s/sources"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::main "/dev/null"; Dir::Etc::parts "/dev/null";
Dir::Etc::trusted "/dev/null"; Dir::Etc::trustedparts "/dev/null"; APT::Architecture "amd64"; APT::Sandbox::User "";
Acquire::Languages "none";
`, work)
	for name, text := range map[string]string{"config": config, "sources": fmt.Sprintf("%s [signed-by=%s] %s %s main\n", kind, keyring, mirror, suite)} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	env := []string{"APT_CONFIG=" + filepath.Join(work, "config")}
	_, err := tool(ctx, work, env, "apt-get", "-qq", "update")
	return env, err
}

// Packages gives an archive with the files of packages of a suite: what a test
// brings to a machine that has all they depend on. Their scripts do not run.
func (b Builder) Packages(ctx context.Context, suite string, names []string) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	dir, err := b.once(ctx, fmt.Sprintf("%s-packages-%s-%s", suite, version, hex.EncodeToString(sum[:6])), func(dir string) error {
		mirror, err := b.mirror(suite)
		if err != nil {
			return err
		}
		b.Say("fetching of " + suite + ": " + strings.Join(names, " "))
		work, tree := filepath.Join(dir, "work"), filepath.Join(dir, "tree")
		env, err := apt(ctx, work, "deb", suite, mirror)
		if err != nil {
			return err
		}
		if _, err := tool(ctx, work, env, append([]string{"apt-get", "-qq", "download"}, names...)...); err != nil {
			return err
		}
		debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
		if err != nil {
			return err
		}
		for _, deb := range debs {
			if _, err := tool(ctx, "", nil, "dpkg-deb", "-x", deb, tree); err != nil {
				return err
			}
		}
		if _, err := tool(ctx, "", nil, "tar", "--numeric-owner", "--owner=0", "--group=0", "-cf", filepath.Join(dir, "files.tar"), "-C", tree, "."); err != nil {
			return err
		}
		return errors.Join(os.RemoveAll(work), os.RemoveAll(tree))
	})
	return filepath.Join(dir, "files.tar"), err
}
