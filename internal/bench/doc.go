// Package bench holds the comparisons of bedplate with what users would pick
// instead, one folder an area.
package bench
