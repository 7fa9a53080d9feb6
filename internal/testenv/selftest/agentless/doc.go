// Package agentless is a test that the harness is tried on: see machine selftest.
package agentless
