package checks_test

import (
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

func TestNextKernelCommandLine(t *testing.T) {
	const grub = "set timeout=5\nmenuentry 'Debian' {\n\tlinux\t/boot/vmlinuz-6.1 root=/dev/vda ro quiet psi=1\n\tinitrd /boot/initrd\n}\n" +
		"submenu 'Advanced' {\n menuentry 'old' {\n\tlinux /boot/vmlinuz-5.10 root=/dev/vda ro single\n}\n}\n"
	check := func(files map[string]string, words ...string) verify.Check {
		return checks.NextKernelCommandLine(tree(t, files), words...)
	}
	judge(t, []want{
		{check(map[string]string{"boot/grub/grub.cfg": grub}, "ro"), verify.Pass, ""},
		{check(map[string]string{"boot/grub/grub.cfg": grub}, "psi=1"), verify.Fail, "entry 2 of /boot/grub/grub.cfg (vmlinuz-5.10) lacks psi=1"},
		{check(map[string]string{"boot/grub/grub.cfg": grub}, "s"), verify.Fail, "lacks s"},
		{check(map[string]string{"boot/loader/entries/a.conf": "title A\noptions root=/dev/vda\noptions psi=1\n"}, "psi=1"), verify.Pass, ""},
		{check(map[string]string{"efi/loader/entries/a.conf": "title A\noptions root=/dev/vda\n", "efi/loader/entries/notes": "options psi=1"}, "psi=1"), verify.Fail, "/efi/loader/entries/a.conf lacks psi=1"},
		{check(nil, "psi=1"), verify.NotApplicable, "no entries"},
	})
}

func TestSysctlNames(t *testing.T) {
	for _, name := range []string{"", "net", "../passwd", "net/../../etc/passwd", "net..core", "/etc/passwd", "net.core.somaxconn\n"} {
		c := checks.Sysctl(name, "1")
		c.Name = "hostile"
		judge(t, []want{{c, verify.Unknown, "is no name of a kernel setting"}})
	}
}
