package unit

import (
	"regexp"
	"strings"
)

var (
	secretName = regexp.MustCompile(`(?i)(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|SECRET_?KEY|CREDENTIALS?)($|_)`)
	placeName  = regexp.MustCompile(`(?i)_(FILE|PATH|DIR|DIRECTORY|URL|TTL|NAME|ID|TIMEOUT|LENGTH)$`)
	userInfo   = regexp.MustCompile(`[a-z]://[^/\s:@]*:[^/\s@]+@`)
)

// secrets finds variables that look like secrets: everybody on the machine can
// read Environment=, in the file and over D-Bus. The values stay unsaid.
func (l *linter) secrets() {
	for _, e := range l.file.entries {
		if e.Key != "Environment" {
			continue
		}
		list, _ := split(e.Value)
		for _, w := range list {
			name, value, ok := strings.Cut(w, "=")
			switch {
			case !ok || value == "" || strings.HasPrefix(value, "/") || strings.HasPrefix(value, "%d"):
				continue
			case secretName.MatchString(name) && !placeName.MatchString(name), userInfo.MatchString(value):
				l.report(e, "environment-secret", SeverityError, "the variable "+name+" looks like a secret, and everybody can read Environment=",
					"use LoadCredential=, or an EnvironmentFile= that only root can read")
			}
		}
	}
}
