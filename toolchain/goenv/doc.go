// Package goenv types the settings by which the go command gets and checks
// modules: GOPROXY, GOSUMDB, GOPRIVATE and their kin. A value that parses here
// is one that the go command takes, and the other way round.
//
//	modules, err := goenv.Hybrid([]string{"https://mirror.example.com"}, "*.corp.example.com")
//	answers, err := goenv.Preflight{}.Ask(ctx, modules) // do these places do their job?
//	changes, err := goenv.EnvFile{Path: file, Modules: modules}.Ensure(ctx)
//
// Three policies are ready: Isolated (a directory and go.sum, nothing else),
// Hybrid (mirrors, then the modules' own repositories) and Audited (one proxy and
// one checksum database of one's own). A Pack makes one file of all that a
// project is built from; a Bundle unpacks it on a machine without a network, and
// proves it by what the checksum database signed.
//
// An SDK's programs get into PATH by LoginPath (login shells), ShellPath (the
// current user's bash, zsh or fish, without root) and ServicePath (system
// services).
//
// The rules are those of https://go.dev/ref/mod#environment-variables.
package goenv
