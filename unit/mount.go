package unit

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Mount is a mount unit. Its name is made of Where.
type Mount struct {
	// What is mounted: a device, "UUID=...", "server:/export", "tmpfs".
	What string
	// Where is the directory, an absolute path, which systemd makes if need be.
	Where string
	// Description is one line for people. "": Where.
	Description string
	// Documentation are URLs.
	Documentation []string
	// Relations to other units.
	Relations Relations
	// Conditions must hold, or it is not mounted.
	Conditions []Condition
	// Type is the file system's. "": found out.
	Type string
	// Options of mount(8), one each: "noexec", "size=64M".
	Options []string
	// DirectoryMode is that of a directory that is made. Zero: 0755.
	DirectoryMode fs.FileMode
	// Timeout of the mount command. Zero: systemd's own, 90 s.
	Timeout time.Duration
	// LazyUnmount takes it away while it is in use, ForceUnmount even from an
	// NFS server that is gone.
	LazyUnmount, ForceUnmount bool
	// WantedBy is what mounts it when it is enabled. Nil: local-fs.target, or
	// remote-fs.target for the file systems of a network.
	WantedBy []string
	// NoInstall leaves [Install] out.
	NoInstall bool
	// Extra are directives that have no field here.
	Extra []Directive
}

// UnitName is the whole name: of /srv/data, "srv-data.mount".
func (m Mount) UnitName() string { return EscapePath(m.Where) + ".mount" }

var networkTypes = strings.Fields("afs ceph cifs gfs2 glusterfs lustre ncpfs ncp nfs nfs4 ocfs2 orangefs pvfs2 smb3 smbfs davfs davfs2")

func (m Mount) draft(d *draft) {
	d.text("Unit", "Description", "Description", cmp.Or(m.Description, m.Where))
	d.documented(m.Documentation)
	m.Relations.draft(d)
	d.conditions(m.Conditions)
	if m.What == "" {
		d.refuse("What", m.What, "is empty; say what is to be mounted")
	}
	if strings.HasPrefix(m.What, "/") {
		d.refuse("What", m.What, d.pathProblem(m.What))
	}
	d.text("Run", "What", "What", m.What)
	if m.Where == "" || m.Where == "/" {
		d.refuse("Where", m.Where, "is no place to mount at; it is an absolute path other than /")
	}
	d.path("Run", "Where", "Where", m.Where)
	d.text("Run", "Type", "Type", m.Type)
	for i, o := range m.Options {
		problem := plainProblem(o)
		if o == "" || strings.Contains(o, ",") {
			problem = "is no option; give them one each, without commas"
		}
		d.refuse(index("Options", i), o, problem)
	}
	d.text("Run", "Options", "Options", strings.Join(m.Options, ","))
	d.mode("Run", "DirectoryMode", "DirectoryMode", m.DirectoryMode)
	d.duration("Run", "TimeoutSec", "Timeout", m.Timeout)
	d.yes("Run", "LazyUnmount", m.LazyUnmount)
	d.yes("Run", "ForceUnmount", m.ForceUnmount)
	d.installed(m.WantedBy, m.defaultTarget(), m.NoInstall)
	d.extra("Extra", m.Extra)
}

func (m Mount) defaultTarget() string {
	if contains(networkTypes, strings.TrimPrefix(m.Type, "fuse.")) || slices.Contains(m.Options, "_netdev") {
		return "remote-fs.target"
	}
	return "local-fs.target"
}
