package vm

import "slices"

// masked are units that the lean profile leaves out, by the reason. Together
// they are half of a boot under emulation. They are masked by links in /run,
// since the kernel's command line has no room for them. A unit that a release
// does not have is masked in vain, which does no harm.
var masked = map[string][]string{
	// Plugs in every device again. Without it there are no .device units and no
	// /dev/disk/by-*; tests that need them ask for the full profile.
	"udev's coldplug": {"systemd-udev-trigger.service", "systemd-udev-settle.service", "systemd-hwdb-update.service", "systemd-udev-load-credentials.service"},
	"nobody logs in": {
		"systemd-logind.service", "systemd-user-sessions.service", "getty.target", "getty@tty1.service", "getty-static.service", "serial-getty@ttyS0.service",
		"systemd-ask-password-console.path", "systemd-ask-password-wall.path",
	},
	"a boot that is thrown away remembers nothing": {
		"systemd-random-seed.service", "systemd-boot-random-seed.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
		"systemd-machine-id-commit.service", "systemd-journal-flush.service", "systemd-pstore.service", "systemd-update-done.service",
	},
	"no updates, no maintenance": {
		"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
		"systemd-tmpfiles-clean.timer", "systemd-journal-catalog-update.service", "ldconfig.service", "systemd-firstboot.service", "systemd-sysusers.service",
	},
	"disks are what QEMU gives": {
		"systemd-fsck-root.service", "systemd-remount-fs.service", "systemd-quotacheck.service", "quotaon.service", "cryptsetup.target", "remote-cryptsetup.target",
		"integritysetup.target", "veritysetup.target", "remote-veritysetup.target", "systemd-hibernate-clear.service",
	},
	"the kernel is as the init left it": {
		"systemd-modules-load.service", "systemd-sysctl.service", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "modprobe@configfs.service",
		"modprobe@dm_mod.service", "modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service",
		"systemd-tmpfiles-setup-dev-early.service",
	},
	"file systems that no test mounts": {
		"dev-hugepages.mount", "dev-mqueue.mount", "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
	},
	"no network but loopback": {"systemd-networkd.service", "systemd-timesyncd.service"},
}

func masks() (units []string) {
	for _, group := range masked {
		units = append(units, group...)
	}
	slices.Sort(units)
	return units
}
