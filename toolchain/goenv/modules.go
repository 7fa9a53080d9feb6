package goenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"
)

// Modules is where modules come from and who vouches for them.
type Modules struct {
	// Proxy is GOPROXY. Zero: not set.
	Proxy ProxyList
	// SumDB is GOSUMDB. Zero: the go command's default.
	SumDB SumDB
	// Private are patterns of modules (GOPRIVATE) that neither a proxy nor a
	// checksum database is told of.
	Private []string
	// NoProxy and NoSumDB are such patterns for one of the two (GONOPROXY,
	// GONOSUMDB). Empty: Private.
	NoProxy, NoSumDB []string
	// Insecure are patterns of modules (GOINSECURE) that may come unencrypted.
	Insecure []string
	// Flags are GOFLAGS, such as "-mod=readonly": no module that go.sum does not
	// vouch for gets into a build. Nil: not set.
	Flags []string
	// Toolchain is GOTOOLCHAIN, such as "local": no other SDK is downloaded.
	// "": not set.
	Toolchain string
	// VCS is GOVCS, such as "*:off": no version control program is ever run.
	// "": not set.
	VCS string
}

// FromGo is what `go env` says where the caller is: the environment, the user's
// go env file and the defaults of the installation, as goCommand ("go") sees them.
func FromGo(ctx context.Context, goCommand string) (Modules, error) {
	var m Modules
	cmd := exec.CommandContext(ctx, goCommand, append([]string{"env", "-json"}, append(slices.Clone(owned), optional...)...)...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return m, fmt.Errorf("goenv: %s env: %w", goCommand, err)
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return m, fmt.Errorf("goenv: %s env: %w", goCommand, err)
	}
	return Parse(env)
}

// Parse reads the settings from names and values as in `go env -json`. Absent
// and empty ones are not set. What the go command takes is taken as it is;
// Validate says which patterns it then never matches.
func Parse(env map[string]string) (m Modules, err error) {
	var errs []error
	if v := env["GOPROXY"]; v != "" {
		m.Proxy, err = ParseProxyList(v)
		errs = append(errs, err)
	}
	if v := env["GOSUMDB"]; v != "" {
		m.SumDB, err = ParseSumDB(v)
		errs = append(errs, err)
	}
	for name, list := range map[string]*[]string{
		"GOPRIVATE": &m.Private, "GONOPROXY": &m.NoProxy, "GONOSUMDB": &m.NoSumDB, "GOINSECURE": &m.Insecure,
	} {
		*list = splitPatterns(env[name])
	}
	m.Toolchain, m.VCS = env["GOTOOLCHAIN"], env["GOVCS"]
	m.Flags, err = parseFlags(env["GOFLAGS"])
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return Modules{}, err
	}
	return m, nil
}

// The settings that a policy is made of, all of them; and those that may be left
// to others.
var (
	owned    = []string{"GOINSECURE", "GONOPROXY", "GONOSUMDB", "GOPRIVATE", "GOPROXY", "GOSUMDB"}
	optional = []string{"GOFLAGS", "GOTOOLCHAIN", "GOVCS"}
)

// splitPatterns takes a list as the go command does, which trims no spaces and
// ignores what matches nothing.
func splitPatterns(s string) (patterns []string) {
	for p := range strings.SplitSeq(s, ",") {
		if p != "" {
			patterns = append(patterns, p)
		}
	}
	return patterns
}

// Validate says what is wrong with the settings: what the go command would
// refuse, and the patterns that it takes without a word and never matches. Such
// a pattern does harm: the module's name goes to the proxy and to the database.
func (m Modules) Validate() error {
	var errs []error
	if len(m.Proxy) > 0 {
		_, err := ParseProxyList(m.Proxy.Value())
		errs = append(errs, err)
	}
	errs = append(errs, m.SumDB.Validate(), m.conflict())
	if _, err := parseFlags(joinFlags(m.Flags)); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, checkToolchain(m.Toolchain), checkVCS(m.VCS))
	for _, l := range []struct {
		name     string
		patterns []string
	}{{"GOPRIVATE", m.Private}, {"GONOPROXY", m.NoProxy}, {"GONOSUMDB", m.NoSumDB}, {"GOINSECURE", m.Insecure}} {
		for _, p := range l.patterns {
			if err := checkPattern(p); err != nil {
				errs = append(errs, fmt.Errorf("goenv: %s pattern %q: %w", l.name, p, err))
			}
		}
	}
	return errors.Join(errs...)
}

func checkPattern(p string) error {
	if strings.ContainsAny(p, ", \t\r\n") {
		return errors.New("a space or comma is no part of a module path, and the go command trims none: it never matches")
	}
	if strings.Contains(p, "://") {
		return errors.New("a pattern is a module path without a scheme: it never matches")
	}
	if _, err := path.Match(p, ""); err != nil {
		return fmt.Errorf("%w: it never matches", err)
	}
	return nil
}

// conflict says where GONOSUMDB, which replaces GOPRIVATE for the database, lets
// a private module's name out to a public one.
func (m Modules) conflict() error {
	if len(m.NoSumDB) == 0 || m.SumDB.Off || m.SumDB.name() != DefaultSumDB {
		return nil
	}
	var errs []error
	for _, p := range m.Private {
		if !slices.Contains(m.NoSumDB, p) {
			errs = append(errs, fmt.Errorf("goenv: GOPRIVATE has %q, but GONOSUMDB, which replaces it, has not: the names of such modules go to %s; add it there, or leave GONOSUMDB out", p, DefaultSumDB))
		}
	}
	return errors.Join(errs...)
}

// settings are the names and values for a file; "" is not set.
func (m Modules) settings() map[string]string {
	join := func(p []string) string { return strings.Join(p, ",") }
	settings := map[string]string{
		"GOINSECURE": join(m.Insecure), "GONOPROXY": join(m.NoProxy), "GONOSUMDB": join(m.NoSumDB), "GOPRIVATE": join(m.Private),
		"GOPROXY": m.Proxy.Value(), "GOSUMDB": m.SumDB.Value(),
	}
	if m.SumDB == (SumDB{}) {
		settings["GOSUMDB"] = ""
	}
	for name, value := range map[string]string{"GOFLAGS": joinFlags(m.Flags), "GOTOOLCHAIN": m.Toolchain, "GOVCS": m.VCS} {
		if value != "" {
			settings[name] = value
		}
	}
	return settings
}

// Env is the settings as the environment of a go command, NAME=value, sorted.
// It holds the passwords that Proxy and SumDB hold. An empty variable does not
// hide what the go env file says: for these settings and no others, add
// "GOENV=off".
func (m Modules) Env() []string {
	settings := m.settings()
	settings["GOSUMDB"] = m.SumDB.Value()
	var env []string
	for name, value := range settings {
		if name != "GOPROXY" || value != "" {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	return env
}
