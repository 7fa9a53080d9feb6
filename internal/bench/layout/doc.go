// Package layout compares trees made by bedplate's layout with the same trees
// made by systemd-tmpfiles.
package layout
