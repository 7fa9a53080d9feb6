package checks_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/bedplate/bedplate/verify/checks"
)

func TestGoReachable(t *testing.T) {
	goroot, _ := sdk(t)
	goCommand := filepath.Join(goroot, "bin/go")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/without/") || !strings.HasSuffix(r.URL.Path, "/supported") && r.URL.Path != "/sums/latest" {
			http.NotFound(w, r)
		}
	}))
	defer proxy.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusBadGateway) }))
	defer broken.Close()
	closed := "http://" + freeAddress(t)
	t.Setenv("GOFLAGS", "")
	for _, c := range []struct {
		proxy, sumdb string
		status       verify.Status
		says         string
	}{
		{proxy.URL, "", verify.Pass, proxy.URL},
		{closed + "|" + proxy.URL, "", verify.Pass, proxy.URL},
		{closed + "," + proxy.URL, "", verify.Fail, "the comma behind it asks no other"},
		{closed + "|off", "", verify.Fail, "refused"},
		{broken.URL + "|off", "off", verify.Fail, "502 Bad Gateway"},
		{"http://user:secret@" + closed[7:] + "|off", "off", verify.Fail, "refused"},
		{"off", "", verify.NotApplicable, "GOPROXY is off"},
		{"direct", "off", verify.Pass, "direct"},
		{"file://" + t.TempDir(), "off", verify.Pass, "file://"},
		{"file:///no/such/folder", "off", verify.Fail, "no such file"},
		{proxy.URL + "/without", "sum.golang.org " + closed, verify.Fail, "a checksum database that answers"},
		{proxy.URL + "/without", "sum.golang.org " + proxy.URL + "/sums", verify.Pass, ""},
	} {
		t.Setenv("GOPROXY", c.proxy)
		t.Setenv("GOSUMDB", c.sumdb)
		judge(t, []want{{checks.GoReachable(goCommand), c.status, c.says}})
		r := verify.Run(t.Context(), checks.GoReachable(goCommand))
		if strings.Contains(r.Results[0].Finding.String(), "secret") {
			t.Error("a password in a finding")
		}
	}
}
