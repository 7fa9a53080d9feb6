//go:build race

package toolchain_test

func init() { realKills = 1 }
