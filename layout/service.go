package layout

import (
	"cmp"
	"fmt"
	"iter"
	"strings"

	"github.com/bedplate/bedplate/internal/versiondir"
)

// Service is where the files of a service live, by the Filesystem Hierarchy
// Standard:
//
//	/opt/NAME           root       0755  code
//	/opt/NAME/bin       root       0755
//	/opt/NAME/current   → releases/current
//	/opt/NAME/releases  root       0755  see Releases
//	/opt/NAME/logs      → /var/log/NAME
//	/etc/NAME           root:GROUP 0750  configuration, which the service reads
//	/var/lib/NAME       USER:GROUP 0750  state
//	/var/cache/NAME     USER:GROUP 0750
//	/var/log/NAME       USER:GROUP 0750
//	/run/NAME           USER:GROUP 0755  with Runtime
//
// Code and configuration are root's: a service that is broken into can't change
// what it runs after the next restart.
type Service struct {
	// Name is the last part of each directory.
	Name string
	// User is whom the service runs as; "" is Name.
	User string
	// Group is the service's group; "" is User.
	Group string
	// Runtime adds /run/NAME, and a line of tmpfiles.d(5) that makes it again
	// after each boot. A unit with RuntimeDirectory= needs neither.
	Runtime bool
}

// serviceName has the bytes of a unit's name (systemd.unit(5)).
const serviceName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-@"

// badName is the entry of a service whose name can't be part of a path.
type badName string

func (n badName) path() string { return "/opt/" + string(n) }

func (n badName) check() error {
	return fmt.Errorf("the service's name %q becomes part of paths and directives; use letters, digits, and : _ . - @", string(n))
}

func (s Service) ids() (user, group string) {
	user = cmp.Or(s.User, s.Name)
	return user, cmp.Or(s.Group, user)
}

// Entries are the service's directories.
func (s Service) Entries() []Entry { return s.entries("root", "root") }

// EntriesThatTheServiceCanReplace are the same directories, all of them the
// service user's own. Recipes that hand /opt/NAME and /etc/NAME to the service
// do this. What it gives up: whoever breaks into the service owns its binary and
// its configuration, and stays after every restart.
func (s Service) EntriesThatTheServiceCanReplace() []Entry { return s.entries(s.ids()) }

func (s Service) entries(codeOwner, codeGroup string) []Entry {
	if strings.Trim(s.Name, serviceName) != "" || strings.Trim(s.Name, ".") == "" || len(s.Name) > 200 {
		return []Entry{badName(s.Name)}
	}
	user, group := s.ids()
	code := func(path string) Dir { return Dir{Path: path, Mode: 0o755, Owner: codeOwner, Group: codeGroup} }
	state := func(path string) Dir { return Dir{Path: path, Mode: 0o750, Owner: user, Group: group} }
	entries := []Entry{
		Dir{Path: "/etc/" + s.Name, Mode: 0o750, Owner: codeOwner, Group: group},
		code("/opt/" + s.Name),
		code("/opt/" + s.Name + "/bin"),
		Symlink{Path: "/opt/" + s.Name + "/current", Target: "releases/" + versiondir.CurrentLink},
		Symlink{Path: "/opt/" + s.Name + "/logs", Target: "/var/log/" + s.Name},
		code("/opt/" + s.Name + "/releases"),
		state("/var/cache/" + s.Name),
		state("/var/lib/" + s.Name),
		state("/var/log/" + s.Name),
	}
	if s.Runtime {
		run := Dir{Path: "/run/" + s.Name, Mode: 0o755, Owner: user, Group: group}
		entries = append(entries, run, File{Path: "/etc/tmpfiles.d/" + s.Name + ".conf", Source: fragment{run}})
	}
	return entries
}

// Writable are those of the directories that are the service user's, for the
// ReadWritePaths of a unit in whose sandbox all else is read-only.
func (s Service) Writable() []string {
	paths := []string{"/var/cache/" + s.Name, "/var/lib/" + s.Name, "/var/log/" + s.Name}
	if s.Runtime {
		paths = append(paths, "/run/"+s.Name)
	}
	return paths
}

// Directives are the same directories as directives of systemd.exec(5), for a
// unit that lets systemd make them: each with its mode, in a fixed order.
// ConfigurationDirectory= is root's even then, and code has no directive.
func (s Service) Directives() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, d := range [][2]string{
			{"StateDirectory", "0750"}, {"CacheDirectory", "0750"}, {"LogsDirectory", "0750"},
			{"RuntimeDirectory", "0755"}, {"ConfigurationDirectory", "0755"},
		} {
			if !yield(d[0], s.Name) || !yield(d[0]+"Mode", d[1]) {
				return
			}
		}
	}
}
