// Package transaction applies steps so that they are done together or not at
// all.
//
//	tx := transaction.Tx{Dir: "/var/lib/deploy"}
//	if _, err := tx.Recover(ctx, steps...); err != nil { … } // of a run that was killed
//	changes, err := tx.Apply(ctx, steps...)
//
// Before anything is touched, Apply asks each step for its plan, and keeps what
// the plan's files, symlinks and directories are now: in Dir, durably. If a step
// then fails, all are put back, in reverse order. If the process or the machine
// dies, the journal is still there, and Recover puts them back.
//
// What is no file (a user, a process, a reload of systemd) only its resource can
// take back: see Reverter. A plan with such a change of a step that is none is
// refused before anything is touched, as is the removal of a directory with
// something in it.
package transaction
