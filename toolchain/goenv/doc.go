// Package goenv types the settings by which the go command gets and checks
// modules: GOPROXY, GOSUMDB, GOPRIVATE and their kin. A value that parses here
// is one that the go command takes, and the other way round.
//
//	modules, err := goenv.FromGo(ctx, "go") // what `go env` says
//	list, err := goenv.ParseProxyList("https://proxy.example.com|https://mirror.example.com,off")
//	db, err := goenv.ParseSumDB("sum.golang.org")
//
// The rules are those of https://go.dev/ref/mod#environment-variables.
package goenv
