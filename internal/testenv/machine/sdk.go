package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// sdk brings the running Go's SDK as the go command itself downloads and
// verifies it: the zip of golang.org/toolchain.
func sdk(ctx context.Context, dir string) error {
	out, err := goTool(ctx, nil, "env", "GOVERSION")
	if err != nil {
		return err
	}
	version := strings.TrimSpace(string(out))
	// Flags and a module of the caller's have no say in what is downloaded.
	out, err = goTool(ctx, []string{"GOFLAGS=-mod=mod", "GO111MODULE=on", "GOWORK=off"},
		"mod", "download", "-json", "golang.org/toolchain@v0.0.1-"+version+".linux-amd64")
	if err != nil {
		return err
	}
	var got struct{ Zip string }
	if err := json.Unmarshal(out, &got); err != nil {
		return err
	}
	sum, err := copyAndSum(filepath.Join(dir, "sdk.zip"), got.Zip)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "sha256"), []byte(sum), 0o644),
		os.WriteFile(filepath.Join(dir, "version"), []byte(version), 0o644))
}

func copyAndSum(to, from string) (sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	return hex.EncodeToString(h.Sum(nil)), err
}
