package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// busyboxSuite is the release whose sources of BusyBox are built.
const busyboxSuite = "bookworm"

// applets are what BusyBox is built for: Debian's own is built without them.
var applets = []string{
	"STATIC", "LONG_OPTS", "ADDUSER", "ADDGROUP", "DELUSER", "DELGROUP", "FEATURE_ADDUSER_TO_GROUP",
	"FEATURE_DEL_USER_FROM_GROUP", "FEATURE_SHADOWPASSWDS", "USE_BB_PWD_GRP", "USE_BB_SHADOW", "FEATURE_CHECK_NAMES",
}

// BusyBox gives a static BusyBox with adduser, addgroup, deluser and delgroup,
// built from Debian's sources.
func (b Builder) BusyBox(ctx context.Context) (string, error) {
	dir, err := b.once(ctx, "busybox-"+busyboxSuite+"-"+version, func(dir string) error {
		if err := bring(ctx, b.Say, map[string]string{"gcc": "gcc", "make": "make", "bzip2": "bzip2", "tar": "tar", "apt-get": "apt"}, "building BusyBox"); err != nil {
			return err
		}
		mirror, err := b.mirror(busyboxSuite)
		if err != nil {
			return err
		}
		b.Say("building BusyBox of " + busyboxSuite)
		work := filepath.Join(dir, "work")
		env, err := apt(ctx, work, "deb-src", busyboxSuite, mirror)
		if err != nil {
			return err
		}
		if _, err := tool(ctx, work, env, "apt-get", "-qq", "source", "--download-only", "busybox"); err != nil {
			return err
		}
		archive, err := only(filepath.Join(work, "busybox_*.orig.tar.bz2"))
		if err != nil {
			return err
		}
		if _, err := tool(ctx, work, nil, "tar", "-xjf", archive); err != nil {
			return err
		}
		source, err := only(filepath.Join(work, "busybox-*"))
		if err != nil {
			return err
		}
		if err := compile(ctx, source); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(source, "busybox"), filepath.Join(dir, "busybox")); err != nil {
			return err
		}
		return os.RemoveAll(work)
	})
	return filepath.Join(dir, "busybox"), err
}

func compile(ctx context.Context, source string) error {
	if _, err := tool(ctx, source, nil, "make", "-s", "allnoconfig"); err != nil {
		return err
	}
	config := filepath.Join(source, ".config")
	b, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	text := string(b)
	for _, a := range applets {
		before := text
		if text = strings.Replace(text, fmt.Sprintf("# CONFIG_%s is not set\n", a), "", 1); text == before && a[:7] != "FEATURE" {
			return fmt.Errorf("BusyBox has no setting %s", a)
		}
		text += "CONFIG_" + a + "=y\n"
	}
	// Its defaults; "allnoconfig" answers 0.
	for key, value := range map[string]string{"FIRST_SYSTEM_ID": "100", "LAST_SYSTEM_ID": "999", "LAST_ID": "60000"} {
		text = strings.Replace(text, "CONFIG_"+key+"=0\n", "", 1) + "CONFIG_" + key + "=" + value + "\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	// What the answers bring up is answered with its default.
	if _, err := tool(ctx, source, nil, "sh", "-c", "yes '' | make -s oldconfig"); err != nil {
		return err
	}
	_, err = tool(ctx, source, nil, "make", "-s", "-j2", "busybox")
	return err
}
