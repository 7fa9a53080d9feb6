package checks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/bedplate/bedplate/toolchain/goenv"
	"github.com/bedplate/bedplate/verify"
)

// GoReachable holds where a go command would get an answer: some proxy of its
// GOPROXY list answers before the list ends, by the list's own rules, and the
// checksum database answers through that proxy or by itself. Whatever an answer
// says, it is one. It does not apply where GOPROXY is off. The go command's usual
// variables for a proxy in between (HTTPS_PROXY) count.
func GoReachable(goCommand string) verify.Check {
	return verify.Check{Name: "go/reachable", Tags: []string{Standard, "go", "network"}, Look: func(ctx context.Context) verify.Finding {
		m, err := goenv.FromGo(ctx, goCommand)
		if err != nil {
			return verify.CouldNotLook(err)
		}
		var tried []string
		answers := ""
	list:
		for _, p := range m.Proxy {
			switch p.URL {
			case goenv.Off:
				if len(tried) == 0 {
					return verify.Finding{Status: verify.NotApplicable, Cause: "GOPROXY is off: no module is downloaded"}
				}
				break list
			case goenv.Direct:
				answers = goenv.Direct
				break list
			}
			err := answer(ctx, p.URL, "")
			if err == nil {
				answers = p.URL
				break
			}
			tried = append(tried, fmt.Sprintf("%s: %v", p, err))
			if !p.Continues(false) {
				tried = append(tried, "the comma behind it asks no other")
				break
			}
		}
		if ctx.Err() != nil {
			return verify.CouldNotLook(context.Cause(ctx))
		}
		if answers == "" {
			return verify.Finding{
				Status: verify.Fail, Wanted: "a module proxy that answers", Observed: "none", Cause: strings.Join(tried, "; "),
				Remedy: "mend the network, or list another proxy; a pipe instead of a comma asks the next one whatever is wrong",
			}
		}
		if !m.SumDB.Off {
			if err := sumdbAnswers(ctx, answers, m.SumDB); err != nil {
				return verify.Finding{
					Status: verify.Fail, Wanted: "a checksum database that answers", Observed: "none", Cause: err.Error(),
					Remedy: "set GOSUMDB with a URL that is reachable, or a proxy that passes it on",
				}
			}
		}
		return verify.Passed(goenv.Proxy{URL: answers}.String())
	}}
}

// sumdbAnswers asks the database as the go command does: through the proxy if
// that says that it passes it on, or else by itself.
func sumdbAnswers(ctx context.Context, proxy string, db goenv.SumDB) error {
	name, _, _ := strings.Cut(db.Value(), "+")
	name, _, _ = strings.Cut(name, " ")
	if proxy != goenv.Direct && answer(ctx, proxy, "/sumdb/"+name+"/supported") == nil {
		return nil
	}
	return answer(ctx, db.BaseURL(), "/latest")
}

// answer asks for a file below a URL; with none, any answer will do.
func answer(ctx context.Context, base, file string) error {
	u, err := url.Parse(base)
	if err != nil {
		return errors.New("it is no URL") // the parser's words hold it, and it may hold a password
	}
	if u.Scheme == "file" {
		_, err := os.Stat(u.Path + file)
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+file, nil)
	if err != nil {
		return errors.New("it is no URL")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // its proxy is the environment's
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if inner := new(url.Error); errors.As(err, &inner) {
			return inner.Err // without the URL, which may hold a password
		}
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 500 || file != "" && resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
