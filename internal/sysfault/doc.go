// Package sysfault runs a process and lets it die, or its file system fail, at
// a chosen system call: what a test needs to prove that a program can be stopped
// anywhere. It traces the process with ptrace(2), on linux/amd64, and needs no
// privilege.
package sysfault
