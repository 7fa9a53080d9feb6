package goenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Preflight asks the places that settings name whether they do their job.
type Preflight struct {
	// Module is asked of each proxy. "": golang.org/x/text, which any proxy of
	// the public modules has.
	Module string
	// Client sends the requests. Nil: http.DefaultClient.
	Client *http.Client
}

// Answer is what came of asking one place.
type Answer struct {
	// Setting is what names the place: "GOPROXY", "GOSUMDB".
	Setting string
	// Place is its address, without a password.
	Place string
	// Detail is what it said, if all is well: "12 versions of golang.org/x/text".
	Detail string
	// Err says what is wrong and what to do about it. Nil: nothing.
	Err error
}

func (a Answer) String() string {
	if a.Err != nil {
		return a.Setting + " " + a.Place + ": " + a.Err.Error()
	}
	return a.Setting + " " + a.Place + ": " + a.Detail
}

// Ask asks every proxy for the list of a module's versions, and the checksum
// database, by the way the go command would take to it, for its signed tree,
// whose signature is checked against the key. The error joins those of the
// settings; those of places are theirs: a list may well work without one of them.
func (p Preflight) Ask(ctx context.Context, m Modules) ([]Answer, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if p.Module == "" {
		p.Module = "golang.org/x/text"
	}
	escaped, err := module.EscapePath(p.Module)
	if err != nil {
		return nil, fmt.Errorf("goenv: Module=%q: %w", p.Module, err)
	}
	var answers []Answer
	for _, place := range m.Proxy {
		a := Answer{Setting: "GOPROXY", Place: place.String()}
		switch place.URL {
		case Off:
			a.Detail = "nothing is asked beyond this"
		case Direct:
			a.Detail, a.Err = direct(m)
		default:
			a.Detail, a.Err = p.proxy(ctx, place.URL, escaped)
		}
		answers = append(answers, a)
	}
	if !m.SumDB.Off {
		a := Answer{Setting: "GOSUMDB", Place: m.SumDB.String()}
		a.Detail, a.Err = p.database(ctx, m)
		answers = append(answers, a)
	}
	return answers, ctx.Err()
}

func direct(m Modules) (string, error) {
	if strings.Contains(m.VCS, "*:off") {
		return "", errors.New("GOVCS forbids every version control program; leave direct out of GOPROXY, or allow one")
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return "", errors.New("modules' own repositories need git, which is not in PATH; install it, or end GOPROXY in off")
	}
	return "by " + git, nil
}

// proxy asks for a list of versions, which tells a proxy from another server.
func (p Preflight) proxy(ctx context.Context, base, escaped string) (string, error) {
	b, err := fetch(ctx, p.Client, base, "/"+escaped+"/@v/list", 16<<20)
	if err != nil && strings.HasPrefix(base, "file:") {
		return p.directory(base, err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w for %s; it is no module proxy, or has not got this module: ask for one that it has", err, p.Module)
	}
	if err != nil {
		return "", errors.New(explain(err))
	}
	lines := strings.Fields(string(b))
	for _, v := range lines {
		if module.Check(p.Module, v) != nil {
			return "", fmt.Errorf("it answers %.40q for a list of versions; is it a module proxy, or a login page?", b)
		}
	}
	return fmt.Sprintf("%d versions of %s", len(lines), p.Module), nil
}

// directory says what a file proxy holds that lacks the module.
func (p Preflight) directory(base string, asked error) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	dir := filepath.FromSlash(u.Path)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("%w; unpack a Bundle there, or name another directory", err)
	}
	if _, err := downloads(dir); err != nil {
		return "", err
	}
	if !errors.Is(asked, fs.ErrNotExist) {
		return "", asked
	}
	return "a directory of modules, without " + p.Module, nil
}

// database asks for the signed tree, through a proxy that carries the database
// or at its own address.
func (p Preflight) database(ctx context.Context, m Modules) (string, error) {
	base, through, err := m.databaseBase(ctx, p.Client)
	if err != nil {
		return "", errors.New(explain(err))
	}
	signed, err := fetch(ctx, p.Client, base, "/latest", 64<<10)
	if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(base, "file:") {
		return "", fmt.Errorf("%s carries no signed tree of it; unpack a Bundle there", redact(base))
	}
	if err != nil {
		return "", errors.New(explain(err))
	}
	tree, err := openTree(signed, m.SumDB)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d records, signed by %s%s", tree.N, m.SumDB.name(), through), nil
}

// databaseBase finds the way to the database as the go command does.
func (m Modules) databaseBase(ctx context.Context, c *http.Client) (base, through string, err error) {
	if m.SumDB.URL != "" {
		return m.SumDB.BaseURL(), "", nil
	}
	for _, place := range m.Proxy {
		if place.URL == Direct || place.URL == Off {
			break
		}
		base := strings.TrimSuffix(place.URL, "/") + "/sumdb/" + m.SumDB.name()
		_, err := fetch(ctx, c, base, "/supported", 64<<10)
		if err == nil {
			return base, ", through " + place.String(), nil
		}
		if !place.Continues(errors.Is(err, fs.ErrNotExist)) {
			return "", "", err
		}
	}
	return m.SumDB.BaseURL(), "", nil
}

// openTree checks the signature of a database's tree.
func openTree(signed []byte, db SumDB) (tlog.Tree, error) {
	key, err := db.VerifierKey()
	if err != nil {
		return tlog.Tree{}, err
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("goenv: GOSUMDB key: %w", err)
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		var unverified *note.UnverifiedNoteError
		if errors.As(err, &unverified) {
			return tlog.Tree{}, fmt.Errorf("its tree is signed by somebody else than the key %s; the key is wrong, or somebody stands in between", key)
		}
		return tlog.Tree{}, fmt.Errorf("it answers %.40q for its signed tree; is it a checksum database? (%w)", bytes.TrimSpace(signed), err)
	}
	tree, err := tlog.ParseTree([]byte(n.Text))
	if err != nil {
		return tree, fmt.Errorf("its signed tree is damaged: %w", err)
	}
	return tree, nil
}
