package unit

import (
	"fmt"
	"strings"
)

// each checks every word of a list; fine says whether one is.
func each(what string, fine func(l *linter, w string) bool) problem {
	return func(l *linter, _, value string) string {
		list, ok := splitVerbatim(value)
		if !ok {
			return openQuote
		}
		for _, w := range list {
			if !fine(l, w) {
				return fmt.Sprintf("%q is no %s", w, what)
			}
		}
		return ""
	}
}

func oneOf(words []string) func(*linter, string) bool {
	return func(_ *linter, w string) bool { return contains(words, w) }
}

var (
	controllers = strings.Fields(`cpu cpuacct cpuset io blkio memory devices pids bpf-firewall bpf-devices bpf-foreign bpf-socket-bind
		bpf-restrict-network-interfaces bpf-bind-network-interface`)
	// architectures that systemd has a name for (systemd.unit(5), ConditionArchitecture=).
	architectures = strings.Fields(`x86 x86-64 x32 arm arm-be arm64 arm64-be ppc ppc-le ppc64 ppc64-le s390 s390x mips mips-le mips64 mips64-le mips64-n32
		mips64-le-n32 parisc parisc64 riscv32 riscv64 loongarch64 sparc sparc64 alpha ia64 m68k sh sh64 cris nios2 tilegx arc arc-be`)
	// dumps are what CoredumpFilter= knows besides numbers.
	dumps = strings.Fields(`all default private-anonymous shared-anonymous private-file-backed shared-file-backed elf-headers private-huge shared-huge
		private-dax shared-dax`)
	// exits are systemd's names for codes (systemd.exec(5), "Process Exit Codes").
	exits = strings.Fields(`SUCCESS FAILURE INVALIDARGUMENT NOTIMPLEMENTED NOPERMISSION NOTINSTALLED NOTCONFIGURED NOTRUNNING USAGE DATAERR NOINPUT NOUSER
		NOHOST UNAVAILABLE SOFTWARE OSERR OSFILE CANTCREAT IOERR TEMPFAIL PROTOCOL NOPERM CONFIG CHDIR NICE FDS EXEC MEMORY LIMITS OOM_ADJUST SIGNAL_MASK STDIN
		STDOUT CHROOT IOPRIO TIMERSLACK SECUREBITS SETSCHEDULER CPUAFFINITY GROUP USER CAPABILITIES CGROUP SETSID CONFIRM STDERR PAM NETWORK NAMESPACE
		NO_NEW_PRIVILEGES SECCOMP SELINUX_CONTEXT PERSONALITY APPARMOR_PROFILE ADDRESS_FAMILIES RUNTIME_DIRECTORY MAKE_STARTER CHOWN SMACK_PROCESS_LABEL
		KEYRING STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY NUMA_POLICY CREDENTIALS BPF KSM EXCEPTION`)
	facilities = strings.Fields(`kern user mail daemon auth syslog lpr news uucp cron authpriv ftp local0 local1 local2 local3 local4 local5 local6 local7`)
	// errnos of Linux (errno(3)).
	errnos = strings.Fields(`EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN EWOULDBLOCK ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
		ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK EDEADLOCK ENAMETOOLONG ENOLCK
		ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR
		ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD
		ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT
		EOPNOTSUPP ENOTSUP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN
		ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT
		ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON`)
)

func delegateProblem(l *linter, key, value string) string {
	if _, ok := boolean(value); ok {
		return ""
	}
	return each("controller; cpu, memory, io and pids are some, or it is yes or no", oneOf(controllers))(l, key, value)
}

// statusFine says whether systemd knows an exit status: a code, its name, a signal.
func statusFine(l *linter, w string) bool {
	if n, ok := integer(w); ok {
		return n >= 0 && n <= 255
	}
	return contains(exits, w) || signalProblem(l, "", w) == ""
}

func dumpFine(_ *linter, w string) bool {
	return contains(dumps, w) || w != "" && strings.Trim(strings.TrimPrefix(w, "0x"), "0123456789abcdefABCDEF") == ""
}

func errnoProblem(l *linter, _, value string) string {
	n, number := integer(value)
	if number && n > 0 && n <= 4095 || contains(errnos, value) || value == "kill" {
		return ""
	}
	return "there is no such error; EPERM is one, or it is kill"
}

func facilityProblem(_ *linter, _, value string) string {
	if n, ok := integer(value); contains(facilities, value) || ok && n >= 0 && n < 128 {
		return ""
	}
	return "there is no such facility; daemon and local0 are some"
}

func architectureFine(_ *linter, w string) bool { return w == "native" || contains(architectures, w) }

// fieldsProblem checks LogExtraFields=.
func fieldsProblem(_ *linter, _, value string) string {
	list, ok := split(value)
	if !ok {
		return openQuote
	}
	for _, w := range list {
		name, _, ok := strings.Cut(w, "=")
		if !ok || name == "" || len(name) > 64 || name[0] == '_' || name[0] >= '0' && name[0] <= '9' || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return fmt.Sprintf("%q is no FIELD=value; a field has A to Z, digits and _", w)
		}
	}
	return ""
}

// variablesProblem checks PassEnvironment= and UnsetEnvironment=.
func variablesProblem(_ *linter, key, value string) string {
	list, ok := split(value)
	if !ok {
		return openQuote
	}
	for _, w := range list {
		name, _, assigned := strings.Cut(w, "=")
		if !variable(name) || assigned && key == "PassEnvironment" {
			return fmt.Sprintf("%q is no name of a variable", w)
		}
	}
	return ""
}

// credentialName is more than credentialProblem lets a typed unit have.
func credentialName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f || r == '/' || r == ':' })
}

// secretProblem checks LoadCredential=, SetCredential= and their kin.
func secretProblem(l *linter, key, value string) string {
	name, what, two := strings.Cut(value, ":")
	switch {
	case l.version <= 247 && !two:
		return fmt.Sprintf("systemd %d needs a name, a colon and what it is", l.version)
	case specified(value):
		return ""
	case !credentialName(name):
		return fmt.Sprintf("%q is no name of a credential", name)
	case strings.HasPrefix(key, "Set") && (!two || name == ""):
		return "it is a name, a colon and the data"
	case key == "SetCredentialEncrypted" && !encoded(what):
		return "the data is no Base64"
	case strings.HasPrefix(key, "Load") && two && !rooted(what) && !credentialName(what):
		return "behind the colon is an absolute path, or a credential of systemd's"
	}
	return ""
}

func namespaceProblem(_ *linter, _, value string) string {
	if strings.ContainsFunc(value, notInName) && !specified(value) {
		return "it is no name: letters, digits and : - _ . \\ @"
	}
	return ""
}

// importProblem checks ImportCredential=: a name, which may have a * in it.
func importProblem(_ *linter, _, value string) string {
	name, to, renamed := strings.Cut(value, ":")
	if !specified(value) && (!credentialName(name) || renamed && !credentialName(to)) {
		return "it is no name of a credential"
	}
	return ""
}

// subgroupProblem checks DelegateSubgroup=.
func subgroupProblem(_ *linter, _, value string) string {
	if strings.Contains(value, "/") || strings.HasPrefix(value, "cgroup.") || value == "." || value == ".." {
		return "it is no name of a control group"
	}
	return ""
}
