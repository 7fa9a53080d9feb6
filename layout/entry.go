package layout

// Entry is a wanted piece of a tree: a Dir, File, Symlink or Absent.
type Entry interface {
	// path is the entry's path, for messages and order.
	path() string
}

// Dir is a directory. Directories above it that are missing are made too, root's
// and 0755.
type Dir struct {
	// Path is absolute, inside the Root.
	Path string
	// Mode, if zero, is 0755.
	Mode DirMode
	// Owner is a user's name or number; "" is root.
	Owner string
	// Group is a group's name or number; "" is the group that has the owner's name.
	Group string
	// Purge lists what may be removed from the directory if no entry of the tree
	// is or is in it: patterns of path.Match for single names. A pattern that
	// ends in a slash is for directories, which go with all that is in them;
	// others are for everything else. Nil removes nothing.
	Purge []string
	// Grants are rights beside those of the Mode, as an access control list. Nil
	// leaves a list that is there alone; one that is empty removes it.
	Grants []Grant
	// Inherited are the Grants that files made in the directory get, with the
	// Mode as the rest of what acl(5) calls a default list. Nil leaves such a list
	// alone; one that is empty removes it.
	Inherited []Grant
	// Attributes are extended attributes; see File.
	Attributes map[string]string
}

// File is a regular file.
type File struct {
	// Path is absolute, inside the Root. Its directory, if missing, is made as
	// for a Dir.
	Path string
	// Content is what the file holds. Nil, without a Source, is an empty file.
	Content []byte
	// Source is where the content comes from instead; nil is Content.
	Source Source
	// SHA256, in hex, is what the content must hash to; "" takes what Content or
	// Source give. The Source is then opened only when the file must be written,
	// and a Source with other content never becomes the file.
	SHA256 string
	// Mode, if zero, is 0644, or 0600 for a Secret.
	Mode FileMode
	// Privileged says that the Mode's setuid or setgid bit is meant.
	Privileged bool
	// Owner is a user's name or number; "" is root.
	Owner string
	// Group is a group's name or number; "" is the group that has the owner's name.
	Group string
	// CreateOnly leaves the content of a file that exists alone. Its owner and
	// mode are still as said.
	CreateOnly bool
	// Secret keeps content, size and hash out of every change and error, and
	// refuses a Mode that lets everybody read.
	Secret bool
	// Grants are rights beside those of the Mode, as an access control list. Nil
	// leaves a list alone, but content that changes makes a new file, which has
	// none but what its directory's Inherited give; one that is empty removes it.
	Grants []Grant
	// Attributes are extended attributes (xattr(7)) by their full names, such as
	// "user.origin"; security.capability needs Privileged, and lists of rights are
	// Grants. Others are left alone, but a new file has none save its security
	// context, which is kept. No change shows a value.
	Attributes map[string]string
}

// Symlink is a symbolic link. It is replaced atomically, and only if what is in
// its place is a symlink.
type Symlink struct {
	// Path is absolute, inside the Root.
	Path string
	// Target is what the link says. It need not exist.
	Target string
}

// Absent is something that must not exist.
type Absent struct {
	// Path is absolute, inside the Root.
	Path string
	// Recursive removes a directory with all that is in it, on its own file
	// system; without it only an empty one goes. Links are removed, not followed.
	Recursive bool
}

func (e Dir) path() string     { return e.Path }
func (e File) path() string    { return e.Path }
func (e Symlink) path() string { return e.Path }
func (e Absent) path() string  { return e.Path }
