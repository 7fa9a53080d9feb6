package goenv_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	c := newCorp(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>please log in</html>\n"))
	}))
	t.Cleanup(page.Close)
	guarded := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }))
	t.Cleanup(guarded.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	list := strings.Join([]string{
		strings.Replace(c.URL, "//", "//user:hunter2@", 1), page.URL, guarded.URL, closed.URL, "https://no-such-host.invalid", "file://" + filepath.Join(t.TempDir(), "none"), "file://" + t.TempDir(), "direct",
	}, "|")
	proxies, err := goenv.ParseProxyList(list)
	require.NoError(t, err)
	m := goenv.Modules{Proxy: proxies, SumDB: c.db, VCS: "*:off"}
	answers, err := goenv.Preflight{Module: "example.com/lib"}.Ask(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, answers, 9)
	require.NoError(t, answers[0].Err)
	require.Equal(t, "1 versions of example.com/lib", answers[0].Detail)
	for i, want := range []string{
		"is it a module proxy, or a login page?", "its certificate is not trusted here", "nothing listens there", "its name does not resolve", "unpack a Bundle there", "is no module cache", "GOVCS forbids",
	} {
		require.ErrorContains(t, answers[i+1].Err, want)
	}
	require.NoError(t, answers[8].Err)
	require.Contains(t, answers[8].Detail, "records, signed by sums.example.com, through http://user:xxxxx@")
	for _, a := range answers {
		require.NotContains(t, a.String(), "hunter2")
	}

	// The client trusts the certificate; then it is the credentials that lack.
	m.Proxy = goenv.ProxyList{{URL: guarded.URL}}
	answers, err = goenv.Preflight{Client: guarded.Client()}.Ask(t.Context(), m)
	require.NoError(t, err)
	require.ErrorContains(t, answers[0].Err, "403 Forbidden; give credentials in ~/.netrc")
	require.ErrorContains(t, answers[1].Err, "403 Forbidden", "and the database is asked through it")

	m.Proxy, err = goenv.ParseProxyList(c.URL)
	require.NoError(t, err)
	m.SumDB.Key = keyOf("sums.example.com")
	answers, err = goenv.Preflight{}.Ask(t.Context(), m)
	require.NoError(t, err)
	require.ErrorContains(t, answers[0].Err, "404 Not Found for golang.org/x/text; it is no module proxy, or has not got this module")
	require.ErrorContains(t, answers[1].Err, "signed by somebody else than the key")
	m.SumDB = goenv.SumDB{Name: "sums.example.com", Key: m.SumDB.Key, URL: page.URL}
	answers, err = goenv.Preflight{}.Ask(t.Context(), m)
	require.NoError(t, err)
	require.ErrorContains(t, answers[1].Err, "is it a checksum database?")

	_, err = goenv.Preflight{}.Ask(t.Context(), goenv.Modules{SumDB: goenv.SumDB{Name: "x.example.com"}})
	require.ErrorContains(t, err, "give its key")
	_, err = goenv.Preflight{Module: "no module"}.Ask(t.Context(), goenv.Modules{})
	require.ErrorContains(t, err, "Module=")
}

// The places that the go command here uses do their job.
func TestPreflightHere(t *testing.T) {
	t.Parallel()
	m, err := goenv.FromGo(t.Context(), "go")
	require.NoError(t, err)
	m.Proxy = m.Proxy[:1]
	answers, err := goenv.Preflight{}.Ask(t.Context(), m)
	require.NoError(t, err)
	for _, a := range answers {
		require.NoError(t, a.Err, a.String())
	}
}
