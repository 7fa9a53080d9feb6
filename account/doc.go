// Package account makes the system users and groups that services run as.
//
//	accounts := account.Set{Users: []account.User{{Name: "app"}}}
//	changes, err := accounts.Plan(ctx)  // what differs, field by field
//	changes, err = accounts.Ensure(ctx) // a second call changes nothing
//
// A User that is only a name is what a service should have: an id from the
// system's range, a primary group of the same name, no home directory, the
// nologin shell, and no password that opens it.
//
// An account that is there already is adopted. What can be corrected without
// harm is (shell, home, comment, primary group, missing groups, a password);
// what a person has to decide is a ConflictError, and nothing is touched.
//
// # How accounts are made
//
// Set.Backend chooses; left empty, it is what fits, and each Change says which
// one it was:
//
//   - on this machine, useradd and its family, or BusyBox's adduser, or
//     systemd-sysusers, or the files themselves: the first that is there;
//   - under a Root, as root: passwd, group, shadow and gshadow are edited under
//     the lock that all tools honour, all prepared before one is replaced, what is
//     somebody else's kept byte for byte;
//   - under a Root, without privilege: a fragment of sysusers.d(5) in the Root,
//     with which its first boot makes the accounts.
//
// # Who is there
//
// Names and ids that only a directory service knows (LDAP, SSSD) are seen from a
// static binary too: Lookup asks systemd's userdb, else getent, when the files
// have no answer. Such an account is adopted, and never shadowed by a second
// one of the same name or id.
package account
