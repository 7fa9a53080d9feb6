// Package elf compares build.Inspect with ldd and readelf.
package elf
