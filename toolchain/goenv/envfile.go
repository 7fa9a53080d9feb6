package goenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bedplate/bedplate"
)

// EnvFile is Modules in a file: the go env file of a user, that of an SDK
// (GOROOT/go.env), or what a unit's EnvironmentFile= names. It is a
// bedplate.Resource.
//
// It owns GOPROXY, GOSUMDB, GOPRIVATE, GONOPROXY, GONOSUMDB and GOINSECURE: what
// Modules leaves out of these is taken out of the file, since a forgotten
// GONOSUMDB=* would undo any policy. GOFLAGS, GOTOOLCHAIN and GOVCS are written
// where Modules has them and left alone where not. All else stays byte for byte.
//
// The environment wins over the user's file, and that over GOROOT/go.env.
//
// `go env -w` takes no lock, so it can't be held off: where it writes in the same
// moment one of the two is lost, and the next Ensure sees if it was this one.
type EnvFile struct {
	// Path of the file, absolute inside Root. UserFile gives the user's.
	Path string
	// Root is the tree that Path lies in. "": this machine.
	Root string
	// Format is how it is written. Zero: as the go command reads it.
	Format Format
	// Modules are the settings.
	Modules Modules
	// Absent takes the settings out again; a file that then is empty goes too.
	Absent bool
}

// UserFile is where the go command looks for the user's settings, by $GOENV,
// $XDG_CONFIG_HOME and $HOME.
func UserFile() (string, error) {
	switch f := os.Getenv("GOENV"); {
	case f == Off:
		return "", errors.New("goenv: GOENV=off: the go command reads no file of the user's; unset GOENV")
	case f != "":
		return filepath.Abs(f)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("goenv: %w", err)
	}
	return filepath.Join(dir, "go", "env"), nil
}

// Plan says what Ensure would change.
func (f EnvFile) Plan(context.Context) ([]bedplate.Change, error) {
	t, err := f.target()
	if err != nil {
		return nil, err
	}
	return t.plan()
}

// Ensure writes the file if a setting differs.
func (f EnvFile) Ensure(ctx context.Context) ([]bedplate.Change, error) {
	t, err := f.target()
	if err != nil {
		return nil, err
	}
	return t.ensure(ctx)
}

func (f EnvFile) target() (target, error) {
	errs := []error{absolute("Path", f.Path), f.Modules.Validate()}
	if f.Format != GoFormat && f.Format != SystemdFormat {
		errs = append(errs, fmt.Errorf("goenv: Format=%d is unknown; use GoFormat or SystemdFormat", f.Format))
	}
	secret := f.Modules.secret() && !f.Absent
	if secret && filepath.Base(f.Path) == "go.env" {
		errs = append(errs, fmt.Errorf("goenv: %s is read by every user of the SDK, and GOPROXY or GOSUMDB has a password in it; keep that in ~/.netrc (see go help goauth), or write the user's own file", f.Path))
	}
	settings := f.Modules.settings()
	for name, value := range settings {
		errs = append(errs, checkValue(name, value))
	}
	if f.Absent {
		for name := range settings {
			settings[name] = ""
		}
	}
	t := target{root: f.Root, path: f.Path, mode: 0o644, private: secret}
	t.edit = func(old []byte, exists bool) ([]byte, string, error) {
		text, err := f.Format.set(string(old), settings)
		if err != nil {
			return nil, "", fmt.Errorf("goenv: %s: %w", f.Path, err)
		}
		if text == "" && (!exists || f.Absent) {
			return nil, f.detail(old, settings), nil
		}
		return []byte(text), f.detail(old, settings), nil
	}
	return t, errors.Join(errs...)
}

// detail says what differs, without passwords.
func (f EnvFile) detail(old []byte, settings map[string]string) string {
	now := f.Format.values(string(old))
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		show := func(value string) string {
			switch {
			case value == "":
				return "not set"
			case name == "GOPROXY":
				return redactList(value)
			case name == "GOSUMDB":
				words := strings.Fields(value)
				for i := range words {
					words[i] = redact(words[i])
				}
				return strings.Join(words, " ")
			}
			return value
		}
		if was, _ := now[name]; was != settings[name] {
			parts = append(parts, name+": "+show(was)+" → "+show(settings[name]))
		}
	}
	return strings.Join(parts, "; ")
}

// redactList redacts each place of a list that may be none.
func redactList(value string) string {
	var b strings.Builder
	for value != "" {
		item, separator := value, ""
		if i := strings.IndexAny(value, ",|"); i >= 0 {
			item, separator = value[:i], value[i:i+1]
		}
		b.WriteString(redact(item) + separator)
		value = value[len(item)+len(separator):]
	}
	return b.String()
}

// Mode of a file that others may read is no place for a password.
func (m Modules) secret() bool {
	return m.Proxy.Value() != m.Proxy.String() || m.SumDB.Value() != m.SumDB.String()
}
