// Package verify compares three levels of verify's checks of a Go installation
// with the commands that are usually run instead.
package verify
