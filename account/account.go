package account

// ID is the number of a user or a group. 0 is never wanted here (root is not
// made by this package): it stands for "allocated".
type ID uint32

// Set is the wanted accounts. Its Plan and Ensure make it a bedplate.Resource.
// Groups come first: a user's groups may be among them.
type Set struct {
	// Root is the tree whose accounts they are; "" is this machine.
	Root   string
	Groups []Group
	Users  []User
	// Backend is how accounts are made; "" chooses what fits.
	Backend Backend
}

// Group is a wanted system group.
type Group struct {
	Name string
	// GID fixes the id; it must be in the system's range. 0: an existing group
	// keeps the one it has, a new one gets a free one.
	GID ID
	// Absent asks for its removal.
	Absent bool
}

// User is a wanted system user.
type User struct {
	Name string
	// UID fixes the id; it must be in the system's range. 0: an existing user
	// keeps the one it has, a new one gets a free one.
	UID ID
	// Group names the primary group. "": a group called like the user, which is
	// made if need be. Another one must exist, or be one of the Set's Groups.
	Group string
	// Groups are supplementary groups. A membership that is missing is added;
	// others are left alone.
	Groups []string
	// Comment is the GECOS field. "": an existing one is left alone.
	Comment string
	// Home is the home directory's path; making it is package layout's work.
	// "": none, written as /nonexistent (Debian Policy 9.2.3: with "/", the
	// convention of sysusers.d, programs would look for their settings in the
	// root directory). An adopted account that has "/" is left with it.
	Home string
	// Shell is the login shell. "": the first of /usr/sbin/nologin,
	// /sbin/nologin and /bin/false that exists.
	Shell string
	// KeepPassword leaves the password alone. By default no password opens the
	// account: one that is set is locked, as usermod -L does.
	KeepPassword bool
	// SubIDs asks for a range of 65,536 subordinate ids of both kinds
	// (subuid(5), subgid(5)), as rootless containers need.
	SubIDs bool
	// Absent asks for the user's removal, with that of a group of the same name
	// that nobody else is in. Files stay. While one of its processes runs, that
	// is a ConflictError.
	Absent bool
}

// Backend is how accounts are made.
type Backend string

// The backends.
const (
	// Files edits passwd, group, shadow and gshadow under shadow's locks.
	Files Backend = "files"
	// Shadow runs useradd, usermod, groupadd and their like. This machine only.
	Shadow Backend = "shadow"
	// BusyBox runs BusyBox's adduser and addgroup; what they can't do, it does as
	// Files does. This machine only.
	BusyBox Backend = "busybox"
	// Sysusers hands systemd-sysusers a fragment that stays in /etc/sysusers.d;
	// what it can't do (it changes no existing account), Files does.
	Sysusers Backend = "sysusers"
	// Record writes the fragment, for the first boot to apply. With a Root only.
	Record Backend = "record"
)

// done is how a Change's detail names the backend.
func (b Backend) done() string {
	switch b {
	case Shadow:
		return "by shadow's tools"
	case BusyBox:
		return "by BusyBox"
	case Sysusers:
		return "by systemd-sysusers"
	case Record:
		return "recorded for the first boot"
	}
	return "by editing the files"
}

func (u User) group() string {
	if u.Group == "" {
		return u.Name
	}
	return u.Group
}
