//go:build privileged

package checks_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bedplate/bedplate/internal/testenv"
)

func binaryFaults(t testing.TB) (all []fault) {
	other, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	provision := testenv.Payload(t, "bin/provision")
	for _, b := range []struct {
		name   string
		change func([]byte) []byte
		finds  map[string]string
	}{
		{"one flipped byte", flip, nil},
		{"half of it", func(b []byte) []byte { return b[:len(b)/2] }, map[string]string{"binary" + binary + "/starts": ""}},
		{"a byte more", appended("x"), nil},
		{"nothing", func([]byte) []byte { return nil }, map[string]string{"binary" + binary + "/static": "an ELF file"}},
		{"a script", func([]byte) []byte { return []byte("#!/bin/sh\nexec /bin/true\n") }, map[string]string{"binary" + binary + "/static": "an ELF file", "binary" + binary + "/go": "a Go program"}},
		{"a C program", func([]byte) []byte { return other }, map[string]string{"binary" + binary + "/static": "it needs them of its host", "binary" + binary + "/go": "a Go program"}},
		{"another Go program", func([]byte) []byte {
			b, err := os.ReadFile(provision)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}, nil},
	} {
		finds := map[string]string{"path" + binary + "/content": "the content is another"}
		for k, v := range b.finds {
			finds[k] = v
		}
		all = append(all, fault{"binary: " + b.name, func(s *sabotage) { s.edit(binary, b.change) }, finds, []string{"binary/"}})
	}
	return append(all, fault{"binary: nobody may run it", func(s *sabotage) { s.chmod(binary, 0o644) },
		map[string]string{"path" + binary + "/mode": "permissions", "binary" + binary + "/starts": "nobody may execute it"}, nil})
}

func goFaults() (all []fault) {
	add := func(name string, seed func(*sabotage), finds map[string]string, also ...string) {
		all = append(all, fault{"go: " + name, seed, finds, append(also, "go/tree")})
	}
	at := func(name string) string { return filepath.Join(goroot, name) }
	for _, file := range []string{"src/fmt/print.go", "src/crypto/sha256/sha256.go", "bin/gofmt"} {
		add("one flipped byte in "+file, func(s *sabotage) { s.edit(at(file), flip) }, map[string]string{"go/tree": file + " changed"})
	}
	add("a file less", func(s *sabotage) { s.hide(at("src/net/http/server.go")) }, map[string]string{"go/tree": "src/net/http/server.go missing"})
	add("a file more", func(s *sabotage) { s.replace(at("src/fmt/evil.go"), []byte("package fmt\n"), 0o644) }, map[string]string{"go/tree": "src/fmt/evil.go extra"})
	add("another version in VERSION", func(s *sabotage) { s.replace(at("VERSION"), []byte("go1.20.1\n"), 0o644) },
		map[string]string{"go/version": "found go1.20.1", "go/release": "found go1.20.1", "go/parts": "was built as"})
	add("no VERSION", func(s *sabotage) { s.hide(at("VERSION")) }, map[string]string{"go/version": "has no VERSION file"}, "go/")
	tools := "pkg/tool/linux_amd64/"
	add("a compiler that is a script", func(s *sabotage) { s.replace(at(tools+"compile"), []byte("#!/bin/sh\nexit 1\n"), 0o755) },
		map[string]string{"go/parts": "compile is no Go program", "go/compiles": "exit status 1"})
	add("no linker", func(s *sabotage) { s.hide(at(tools + "link")) }, map[string]string{"go/parts": "link is missing"})
	add("a go command that can't be run", func(s *sabotage) { s.chmod(at("bin/go"), 0o644) }, map[string]string{"go/parts": "bin/go can't be executed", "go/path": "no go command is in PATH"})
	add("half of a compiler", func(s *sabotage) { s.edit(at(tools+"compile"), func(b []byte) []byte { return b[:len(b)/2] }) }, map[string]string{"go/compiles": ""}, "go/")
	add("current leads nowhere", func(s *sabotage) { s.keep(goroot); s.sh("ln -sfn 1.2.3 " + goroot) }, map[string]string{"go/version": "has no VERSION file"}, "go/")
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin"} {
		add("another go in "+dir, func(s *sabotage) { s.replace(dir+"/go", []byte("#!/bin/sh\n"), 0o755) }, map[string]string{"go/path": dir + "/go comes first"})
	}
	return all
}

func strayFaults() (all []fault) {
	for _, file := range []string{"/etc/environment", "/etc/profile.d/golang.sh", "/etc/profile", "/etc/bash.bashrc", "/root/.profile", "/root/.config/go/env", "/etc/environment.d/go.conf", goroot + "/go.env"} {
		for _, line := range []string{"GOROOT=/usr/lib/go-1.19", "GOFLAGS=-mod=mod", "GOTOOLCHAIN=go1.20.1"} {
			all = append(all, fault{"stray: " + line + " in " + file, func(s *sabotage) {
				text, _ := os.ReadFile(file)
				for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
					if _, err := os.Stat(dir); err == nil {
						break
					}
					s.later(func() { _ = os.Remove(dir) })
				}
				s.replace(file, append(text, "\nexport "+line+"\n"...), 0o644)
			}, map[string]string{"go/stray": file + " sets " + line}, []string{"go/tree"}})
		}
	}
	return append(all, fault{"stray: the manager's environment", func(s *sabotage) {
		s.replace("/etc/systemd/system.conf.d/go.conf", []byte("[Manager]\nDefaultEnvironment=GOROOT=/usr/lib/go-1.19\n"), 0o644)
	}, map[string]string{"go/stray": "/etc/systemd/system.conf.d/go.conf sets GOROOT"}, nil},
		fault{"stray: a script that should not be", func(s *sabotage) { s.replace("/etc/profile.d/go.sh", []byte("# go\n"), 0o644) },
			map[string]string{"path/etc/profile.d/go.sh/absent": "somebody made it"}, nil})
}
