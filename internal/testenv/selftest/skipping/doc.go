// Package skipping is a test that the harness is tried on: see machine selftest.
package skipping
