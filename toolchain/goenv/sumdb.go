package goenv

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The checksum database that the go command asks unless told otherwise, with
// the key that is built into it.
const (
	DefaultSumDB    = "sum.golang.org"
	defaultSumDBKey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
	// The same database by another name, for networks that can't reach the first.
	chinaSumDB = "sum.golang.google.cn"
)

// SumDB is GOSUMDB: the checksum database that vouches for modules. The zero
// value is the go command's default.
type SumDB struct {
	// Name is the database's name, a host with perhaps a path. "": DefaultSumDB.
	Name string
	// Key is its public key as it stands in GOSUMDB, "name+hash+key". "": the
	// one that the go command knows, which it does for DefaultSumDB only.
	Key string
	// URL is where it answers, if not at https://Name (or through a proxy). It
	// may hold a user name and a password.
	URL string
	// Off turns checking off. Nothing but go.sum vouches for a module then.
	Off bool
}

// ParseSumDB reads a value of GOSUMDB: "name", "name+hash+key", either followed
// by a URL, or "off".
func ParseSumDB(s string) (SumDB, error) {
	switch s {
	case Off:
		return SumDB{Off: true}, nil
	case chinaSumDB:
		return SumDB{Name: DefaultSumDB, URL: "https://" + chinaSumDB}, nil
	}
	fields := strings.Fields(s)
	switch {
	case len(fields) == 0:
		return SumDB{}, fmt.Errorf("goenv: GOSUMDB=%q is empty; name a database, or %q", s, Off)
	case len(fields) > 2:
		return SumDB{}, fmt.Errorf("goenv: GOSUMDB has %d fields; it is NAME[+KEY] [URL]", len(fields))
	}
	db := SumDB{Name: fields[0]}
	if name, _, keyed := strings.Cut(fields[0], "+"); keyed {
		db = SumDB{Name: name, Key: fields[0]}
	}
	if len(fields) == 2 {
		db.URL = fields[1]
	}
	return db, db.Validate()
}

// VerifierKey is the key in the form of golang.org/x/mod/sumdb/note.
func (d SumDB) VerifierKey() (string, error) {
	switch {
	case d.Off:
		return "", errors.New("goenv: GOSUMDB=off has no key")
	case d.Key != "":
		return d.Key, nil
	case d.name() == DefaultSumDB:
		return defaultSumDBKey, nil
	}
	return "", fmt.Errorf("goenv: checksum database %q is not known by name; give its key: NAME+HASH+KEY", d.Name)
}

func (d SumDB) name() string {
	if d.Name == "" {
		return DefaultSumDB
	}
	return d.Name
}

// Validate says what the go command would say of the value.
func (d SumDB) Validate() error {
	if d.Off {
		return nil
	}
	key, err := d.VerifierKey()
	if err != nil {
		return err
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("goenv: GOSUMDB key %q: %w; it is NAME+HASH+KEY as the database publishes it", key, err)
	}
	if v.Name() != d.name() {
		return fmt.Errorf("goenv: GOSUMDB name %q has the key of %q", d.name(), v.Name())
	}
	u, err := url.Parse("https://" + v.Name())
	if err != nil || strings.HasSuffix(v.Name(), "/") || *u != (url.URL{Scheme: "https", Host: u.Host, Path: u.Path}) || u.Host == "" {
		return fmt.Errorf("goenv: GOSUMDB name %q must be a host, perhaps with a path, and no more", v.Name())
	}
	if d.URL != "" {
		if _, err := url.Parse(d.URL); err != nil {
			return fmt.Errorf("goenv: GOSUMDB URL %s is no URL%s", redact(d.URL), hint(d.URL))
		}
	}
	return nil
}

// BaseURL is where the database answers when it is not asked through a proxy.
func (d SumDB) BaseURL() string {
	if d.URL != "" {
		return strings.TrimSuffix(d.URL, "/")
	}
	return "https://" + d.name()
}

// String is the value for people: as Value, without a password in URL. Keys are
// public.
func (d SumDB) String() string { return d.text(redact(d.URL)) }

// GoString is the same, for %#v.
func (d SumDB) GoString() string { return fmt.Sprintf("goenv.SumDB(%q)", d) }

// Value is the value as GOSUMDB holds it, a password in URL included.
func (d SumDB) Value() string { return d.text(d.URL) }

func (d SumDB) text(address string) string {
	if d.Off {
		return Off
	}
	s := d.name()
	if d.Key != "" {
		s = d.Key
	}
	if address != "" {
		s += " " + address
	}
	return s
}
