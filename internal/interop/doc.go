// Package interop reads what bedplate writes with programs and libraries that
// others wrote. It is a module of its own, so that theirs stay out of bedplate's
// dependencies: go test ./... in this folder runs it.
package interop
