package unit

import "strings"

// Environ makes an Environment of lists such as os.Environ and cgroupv2's GoEnv
// give, "NAME=value"; of two of a name the later counts. What has no "=" is left out.
func Environ(lists ...[]string) map[string]string {
	env := map[string]string{}
	for _, list := range lists {
		for _, e := range list {
			if name, value, ok := strings.Cut(e, "="); ok {
				env[name] = value
			}
		}
	}
	return env
}
