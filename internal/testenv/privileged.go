//go:build privileged

package testenv

const privileged = true
