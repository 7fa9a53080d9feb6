package toolchain_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/stretchr/testify/require"
)

func TestNoPlainHTTPAfterTLS(t *testing.T) {
	p := serve(t, "go1.26.8")
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, p.URL+r.URL.String(), http.StatusFound)
	}))
	t.Cleanup(secure.Close)
	dir := t.TempDir()
	source := toolchain.Official{BaseURL: secure.URL, Client: secure.Client()}
	sdk := toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Source: source}
	_, err := toolchain.Install(t.Context(), sdk)
	nothing(t, dir, err)
	require.ErrorContains(t, err, "plain http")
	source.PlainHTTP = true
	sdk.Source = source
	_, err = toolchain.Install(t.Context(), sdk)
	require.NoError(t, err)
}

// TestProxyOfClient: what the given client says of proxies is what counts.
func TestProxyOfClient(t *testing.T) {
	t.Parallel()
	p := serve(t, "go1.26.8") // in the proxy's place: it is asked for other hosts' URLs
	address, err := url.Parse(p.URL)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address)}}
	for _, source := range []toolchain.Source{
		toolchain.Official{BaseURL: "http://dl.example.invalid", Client: client},
		toolchain.ModuleProxy{Proxies: goenv.ProxyList{{URL: "http://proxy.example.invalid"}}, Client: client},
	} {
		_, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: t.TempDir(), Platform: linux, Source: source})
		if _, isModule := source.(toolchain.ModuleProxy); isModule {
			require.ErrorContains(t, err, "http://proxy.example.invalid/golang.org/toolchain/@v/v0.0.1-go1.26.8.linux-amd64.info answers 404")
			continue
		}
		require.NoError(t, err)
	}
}

// TestClockFarOff: to a machine whose clock is wrong every certificate is
// expired, or not valid yet.
func TestClockFarOff(t *testing.T) {
	p := serve(t, "go1.26.8")
	secure := httptest.NewTLSServer(p)
	t.Cleanup(secure.Close)
	client := secure.Client()
	client.Transport.(*http.Transport).TLSClientConfig.Time = func() time.Time { return time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) } // httptest's begins in 1970
	dir := t.TempDir()
	_, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Platform: linux, Source: toolchain.Official{BaseURL: secure.URL, Client: client}})
	nothing(t, dir, err)
	require.ErrorContains(t, err, "this machine's clock is wrong")
}

// TestProxyFaults is about a list of proxies; the real one is TestRealInstall's.
func TestProxyFaults(t *testing.T) {
	server := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	absent, broken, page := server(404, "not found"), server(500, "oops"), server(200, "<html>sign in</html>")
	for list, says := range map[string][]string{
		"off":                    {"GOPROXY ends in off"},
		"direct":                 {"direct, which can't carry one"},
		absent:                   {"there is no go1.26.8", "404"},
		absent + ",direct":       {"404", "direct, which can't carry one"},
		broken + ",direct":       {"500"},
		broken + "|direct":       {"500", "direct, which can't carry one"},
		broken + "|" + absent:    {"500", "404"},
		page:                     {"<html>sign in", "is it a module proxy?"},
		"http://127.0.0.1:1":     {"connection refused"},
		"file:///does/not/exist": {"there is no go1.26.8"},
	} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			proxies, err := goenv.ParseProxyList(list)
			require.NoError(t, err)
			dir := t.TempDir()
			_, err = toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Source: toolchain.ModuleProxy{Proxies: proxies}})
			nothing(t, dir, err)
			for _, s := range says {
				require.ErrorContains(t, err, s)
			}
		})
	}
	dir := t.TempDir()
	_, err := toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Source: toolchain.ModuleProxy{}})
	nothing(t, dir, err)
	require.ErrorIs(t, err, toolchain.ErrNoProxy)
	_, err = toolchain.Install(t.Context(), toolchain.SDK{Version: "1.26.8", Dir: dir, Source: toolchain.ModuleProxy{Proxies: goenv.ProxyList{{URL: absent}}, SumDB: goenv.SumDB{Off: true}}})
	nothing(t, dir, err)
}
