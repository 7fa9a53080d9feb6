package goenv

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

// The words that may stand in a list instead of a URL.
const (
	// Direct: from the module's own repository. It ends a list.
	Direct = "direct"
	// Off: from nowhere. It ends a list.
	Off = "off"
)

// Fallback says on which errors of a proxy the next one is asked.
type Fallback rune

const (
	// OnNotFound asks the next proxy when this one answers 404 or 410: the comma.
	OnNotFound Fallback = ','
	// OnAnyError asks the next proxy whatever is wrong with this one: the pipe.
	OnAnyError Fallback = '|'
)

// Proxy is one place of a list.
type Proxy struct {
	// URL is complete ("https://proxy.example.com", "file:///srv/proxy"), or one
	// of the words Direct and Off. It may hold a user name and a password.
	URL string
	// Then says when the next place is asked. Zero: OnNotFound.
	Then Fallback
}

// String is the place without what could be a secret.
func (p Proxy) String() string { return redact(p.URL) }

// GoString is the same, for %#v.
func (p Proxy) GoString() string { return fmt.Sprintf("goenv.Proxy{URL:%q, Then:%q}", p, p.Then) }

// ProxyList is GOPROXY: places that are asked in order. The zero value names no
// place at all, which no function here takes for the go command's default.
type ProxyList []Proxy

// ParseProxyList reads a value of GOPROXY. What follows "direct" or "off" is
// never asked and therefore dropped, as the go command does.
func ParseProxyList(s string) (ProxyList, error) {
	var list ProxyList
	for rest := s; rest != ""; {
		item, then := rest, OnNotFound
		if i := strings.IndexAny(rest, ",|"); i >= 0 {
			item, then, rest = rest[:i], Fallback(rest[i]), rest[i+1:]
		} else {
			rest = ""
		}
		item = strings.TrimSpace(item)
		switch item {
		case "":
			continue
		case Direct, Off:
			return append(list, Proxy{URL: item}), nil
		}
		p, err := parseProxy(item)
		if err != nil {
			return nil, err
		}
		list = append(list, Proxy{URL: p, Then: then})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("goenv: GOPROXY=%q names no proxy; name one, or %q", s, Off)
	}
	list[len(list)-1].Then = 0
	return list, nil
}

// parseProxy completes and checks one URL by the go command's rules: a single
// word is reserved, and what looks like a host gets https.
func parseProxy(item string) (string, error) {
	if strings.ContainsAny(item, ".:/") && !strings.Contains(item, ":/") && !filepath.IsAbs(item) && !path.IsAbs(item) {
		item = "https://" + item
	}
	u, err := url.Parse(item)
	if err != nil {
		// The parser's error repeats the URL, and with it a password.
		return "", fmt.Errorf("goenv: proxy %s in GOPROXY is no URL%s", redact(item), hint(item))
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return "", fmt.Errorf("goenv: proxy %s in GOPROXY has no host", redact(item))
		}
	case "file":
		if *u != (url.URL{Scheme: "file", Path: u.Path, RawPath: u.RawPath}) {
			return "", fmt.Errorf("goenv: proxy %s in GOPROXY: a file URL has a path and nothing else: file:///srv/proxy", redact(item))
		}
	case "":
		return "", fmt.Errorf("goenv: proxy %s in GOPROXY has no scheme; write https://%s", redact(item), strings.TrimPrefix(redact(item), "/"))
	default:
		return "", fmt.Errorf("goenv: proxy %s in GOPROXY: the scheme must be https, http or file", redact(item))
	}
	return item, nil
}

// Value is the list as GOPROXY holds it, passwords included.
func (l ProxyList) Value() string {
	return l.join(func(p Proxy) string { return p.URL })
}

// String is the list for people: as Value, without passwords.
func (l ProxyList) String() string {
	return l.join(Proxy.String)
}

func (l ProxyList) join(text func(Proxy) string) string {
	var b strings.Builder
	for i, p := range l {
		b.WriteString(text(p))
		if i < len(l)-1 {
			b.WriteRune(rune(p.then()))
		}
	}
	return b.String()
}

func (p Proxy) then() Fallback {
	if p.Then == 0 {
		return OnNotFound
	}
	return p.Then
}

// Continues says whether the next place is asked after this one's error, which
// was of the kind "there is no such thing here" (404, 410) or not.
func (p Proxy) Continues(notFound bool) bool { return notFound || p.then() == OnAnyError }
