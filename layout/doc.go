// Package layout makes directory trees: directories, files and symlinks with
// their owners and modes, in a way that no race and no interruption can spoil.
//
//	tree := layout.Tree{Entries: append(layout.Service{Name: "app"}.Entries(),
//		layout.File{Path: "/etc/app/app.conf", Content: conf, Mode: 0o640, Group: "app"})}
//	changes, err := tree.Ensure(ctx)
//
// A Tree is wanted state: Plan says what differs, Ensure makes it so, and a
// second Ensure changes nothing. What an entry does not say it leaves to a safe
// default: root owns it, and nobody else may write it.
//
// # Races
//
// Every step is taken relative to an open directory. The last part of a path is
// never followed if it is a symlink; a link above it is followed, inside the
// Root, only where nobody but root (or the caller) could have made it. Owners
// and modes are changed by descriptor. A file with several names that belongs
// to somebody else is refused: one of its names may be /etc/shadow.
//
// What is in a directory of a user's is that user's to rename: an entry there
// that is to be root's own is safe from being read through, not from being
// moved to where another entry is given away. Keep root's secrets elsewhere.
//
// # Owners under a Root
//
// Under a Root, a caller who may not give files away has owners and modes
// written down instead, as lines of tmpfiles.d(5) that the first boot of the
// image applies: see [Owners]. Pack such an image with all files owned by root,
// as image tools do: systemd-tmpfiles refuses to walk from a directory of one
// user to a file of another.
package layout
