package checks

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bedplate/bedplate/verify"
)

// HTTP holds where a GET of url answers 200 with a body that contains text.
// Redirects are not followed and no proxy is used: it is this machine that is
// asked.
func HTTP(url, text string) verify.Check {
	return verify.Check{Name: "http/" + url, Tags: []string{"network"}, Look: func(ctx context.Context) verify.Finding {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		began := time.Now()
		resp, err := client.Do(req)
		if err != nil {
			return verify.Finding{Status: verify.Fail, Wanted: "200 OK", Observed: "no answer", Cause: err.Error()}
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return verify.Finding{Status: verify.Fail, Wanted: "200 OK", Observed: resp.Status + ", cut off", Cause: err.Error()}
		}
		if resp.StatusCode != http.StatusOK {
			return verify.Equal("200 OK", resp.Status)
		}
		if !strings.Contains(string(body), text) {
			return verify.Finding{Status: verify.Fail, Wanted: fmt.Sprintf("%q in the body", text), Observed: fmt.Sprintf("%.80q", body)}
		}
		return verify.Passed(fmt.Sprintf("%s in %v", resp.Status, time.Since(began).Round(10*time.Microsecond)))
	}}
}
