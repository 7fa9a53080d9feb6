package goenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// statusError is an answer other than 200.
type statusError struct {
	place  string
	status int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.place, e.status, http.StatusText(e.status))
}

// Is makes "there is no such thing" one error, wherever it was looked for.
func (e *statusError) Is(target error) bool {
	return target == fs.ErrNotExist && (e.status == http.StatusNotFound || e.status == http.StatusGone)
}

// answerTime is how long a place may take to answer.
const answerTime = 30 * time.Second

// fetch reads what is at base+name: from a file, or by HTTP. name is escaped
// already. Errors never hold base's password.
func fetch(ctx context.Context, c *http.Client, base, name string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := open(ctx, c, base, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it answers more than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", redact(base), err)
	}
	return b, nil
}

// open is fetch for what may be large: as long as ctx allows.
func open(ctx context.Context, c *http.Client, base, name string) (io.ReadCloser, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", redact(base))
	}
	if u.Scheme == "file" {
		// The path in a URL is escaped; that of the file is not.
		plain, err := url.PathUnescape(name)
		if err != nil {
			return nil, err
		}
		return openRegular(filepath.Join(filepath.FromSlash(u.Path), filepath.FromSlash(plain)))
	}
	if c == nil {
		c = http.DefaultClient
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+name, nil)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", redact(base))
	}
	resp, err := c.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which may hold a password
		}
		return nil, fmt.Errorf("%s: %w", redact(base), err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(&statusError{redact(base), resp.StatusCode}, resp.Body.Close())
	}
	return resp.Body, nil
}

func openRegular(name string) (*os.File, error) {
	info, err := os.Stat(name) // first: opening a FIFO would wait
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		return nil, err
	}
	return os.Open(name)
}

// explain says what an error of the network means for whoever set the address.
func explain(err error) string {
	var (
		dns    *net.DNSError
		status *statusError
	)
	switch {
	case errors.As(err, &dns):
		return "its name does not resolve from here: " + dns.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time; is it reachable from here, or only through HTTPS_PROXY?"
	case errors.As(err, &status) && (status.status == http.StatusUnauthorized || status.status == http.StatusForbidden || status.status == http.StatusProxyAuthRequired):
		return status.Error() + "; give credentials in ~/.netrc (go help goauth), or ask for access"
	case strings.Contains(err.Error(), "x509:") || strings.Contains(err.Error(), "tls:"):
		return err.Error() + "; its certificate is not trusted here: install the issuer's, or SSL_CERT_FILE"
	case strings.Contains(err.Error(), "connection refused"):
		return err.Error() + "; nothing listens there"
	}
	return err.Error()
}
