package toolchain

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// statusError is an answer other than the wanted one. The URL is without a
// password.
type statusError struct {
	URL    string
	Status int
	Range  string // Content-Range
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.URL, e.Status, http.StatusText(e.Status))
}

func (e *statusError) notFound() bool {
	return e.Status == http.StatusNotFound || e.Status == http.StatusGone
}

func notFound(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.notFound()
}

// temporary says whether the same request may succeed later.
func temporary(err error) bool {
	var s *statusError
	if errors.As(err, &s) {
		return s.Status >= 500 || s.Status == http.StatusTooManyRequests || s.Status == http.StatusRequestTimeout
	}
	var u *url.Error
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return false
	}
	return errors.As(err, &u) && !errors.Is(err, errPlainHTTP) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errStalled)
}

var (
	errPlainHTTP = errors.New("redirected from https to plain http; that was refused")
	errStalled   = errors.New("nothing came for too long")
)

// stall is how long a server may send nothing.
const stall = time.Minute

// web is how requests are sent: the caller's client or ours.
type web struct {
	client    *http.Client
	plainHTTP bool // a redirect from https to http is followed
}

// transport is ours. Like every Go program's it goes through the proxies that
// HTTPS_PROXY and its like name.
var transport = sync.OnceValue(func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = stall
	return t
})

// do sends a request, and refuses to fall from https to http.
func (w web) do(req *http.Request) (*http.Response, error) {
	ours := http.Client{Transport: transport()}
	if w.client != nil {
		ours = *w.client
	}
	check := ours.CheckRedirect
	ours.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if !w.plainHTTP && req.URL.Scheme != "https" && via[len(via)-1].URL.Scheme == "https" {
			return errPlainHTTP
		}
		if check != nil {
			return check(req, via)
		}
		if len(via) >= 10 {
			return errors.New("redirected 10 times")
		}
		return nil
	}
	return ours.Do(req)
}

// get asks for a URL; any answer but the wanted statuses is a *statusError.
func get(ctx context.Context, w web, address string, header http.Header, wanted ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, redact(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := w.do(req)
	if err != nil {
		return nil, redact(err)
	}
	for _, status := range wanted {
		if resp.StatusCode == status {
			return resp, nil
		}
	}
	return nil, errors.Join(&statusError{req.URL.Redacted(), resp.StatusCode, resp.Header.Get("Content-Range")}, resp.Body.Close())
}

// several are errors of several places, told in one line.
type several []error

func (s several) Error() string {
	texts := make([]string, len(s))
	for i, err := range s {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; then ")
}

func (s several) Unwrap() []error { return s }

// clockError says that a certificate's dates may not be to blame.
type clockError struct{ err error }

func (e *clockError) Error() string {
	return e.err.Error() + "; if the certificate is good, this machine's clock is wrong: it says " + time.Now().UTC().Format(time.RFC3339)
}

func (e *clockError) Unwrap() error { return e.err }

// redact takes the password out of the URL that net/http's errors repeat; the
// client does that itself for its own, but not for what fails to parse.
func redact(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if parsed, parseErr := url.Parse(u.URL); parseErr == nil {
			u.URL = parsed.Redacted()
		} else {
			u.URL = "the URL"
		}
	}
	var certificate x509.CertificateInvalidError
	if errors.As(err, &certificate) && certificate.Reason == x509.Expired {
		return &clockError{err}
	}
	return err
}

// redacted is an address without its password.
func redacted(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return "the URL"
}

// text fetches a small body whole, and tries again what may pass.
func text(ctx context.Context, w web, address string, limit int64) (b []byte, err error) {
	for n := range 3 {
		if n > 0 {
			select {
			case <-ctx.Done():
				return nil, err
			case <-time.After(backoff(n)):
			}
		}
		if b, err = textOnce(ctx, w, address, limit); err == nil || !temporary(err) || ctx.Err() != nil {
			break
		}
	}
	return b, err
}

func textOnce(ctx context.Context, w web, address string, limit int64) ([]byte, error) {
	resp, err := get(ctx, w, address, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s answers more than %d bytes", resp.Request.URL.Redacted(), limit)
	}
	return b, nil
}

// fetchURL is an Artifact's Fetch for one URL. A resume is tied to the object
// by If-Range; without a strong ETag there is nothing to tie it to.
func fetchURL(w web, address string) func(context.Context, int64, string) (Content, error) {
	return func(ctx context.Context, offset int64, state string) (Content, error) {
		header := http.Header{}
		if offset > 0 && state != "" {
			header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
			header.Set("If-Range", state)
		} else {
			offset = 0
		}
		resp, err := get(ctx, w, address, header, http.StatusOK, http.StatusPartialContent)
		if status := (*statusError)(nil); offset > 0 && errors.As(err, &status) && status.Status == http.StatusRequestedRangeNotSatisfiable {
			if status.Range == "bytes */"+strconv.FormatInt(offset, 10) { // all of it is here
				return Content{Body: http.NoBody, Offset: offset, State: state, Length: offset}, nil
			}
			offset = 0
			resp, err = get(ctx, w, address, nil, http.StatusOK)
		}
		if err != nil {
			return Content{}, err
		}
		content := Content{Body: resp.Body, State: resumable(resp.Header)}
		if resp.StatusCode == http.StatusPartialContent {
			if got := rangeStart(resp.Header.Get("Content-Range")); got != offset {
				return Content{}, errors.Join(fmt.Errorf("%s sends bytes from %d where %d was asked for", resp.Request.URL.Redacted(), got, offset), resp.Body.Close())
			}
			content.Offset = offset
		}
		if resp.ContentLength > 0 {
			content.Length = content.Offset + resp.ContentLength
		}
		return content, nil
	}
}

// resumable is a validator that If-Range takes: a strong ETag, or else the date.
func resumable(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

func rangeStart(contentRange string) int64 {
	rest, _ := strings.CutPrefix(contentRange, "bytes ")
	start, _, _ := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(start, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
