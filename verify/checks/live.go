package checks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bedplate/bedplate/verify"
)

// fetch asks a URL of this machine: redirects are not followed and no proxy is
// used. It gives the body where the answer is 200, and a finding otherwise.
func fetch(ctx context.Context, url string) (body, status string, bad *verify.Finding) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		f := verify.CouldNotLook(err)
		return "", "", &f
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return "", "", &verify.Finding{Status: verify.Fail, Wanted: "200 OK", Observed: "no answer", Cause: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return "", "", &verify.Finding{Status: verify.Fail, Wanted: "200 OK", Observed: resp.Status + ", cut off", Cause: err.Error()}
	}
	if resp.StatusCode != http.StatusOK {
		f := verify.Equal("200 OK", resp.Status).Because(fmt.Sprintf("it says %.200q", text), "")
		return "", "", &f
	}
	return string(text), resp.Status, nil
}

// HTTP holds where a GET of url answers 200 with a body that contains text. It
// observes the latency. Redirects are not followed and no proxy is used: it is
// this machine that is asked.
func HTTP(url, text string) verify.Check {
	return verify.Check{Name: "http/" + url, Tags: []string{Standard, "network"}, Look: func(ctx context.Context) verify.Finding {
		began := time.Now()
		body, status, bad := fetch(ctx, url)
		if bad != nil {
			return *bad
		}
		if !strings.Contains(body, text) {
			return verify.Finding{Status: verify.Fail, Wanted: fmt.Sprintf("%q in the body", text), Observed: fmt.Sprintf("%.80q", body), Cause: "it answers, but not as wanted"}
		}
		return verify.Passed(fmt.Sprintf("%s in %v", status, time.Since(began).Round(10*time.Microsecond)))
	}}
}

// TCP holds where somebody accepts connections at an address, "127.0.0.1:8080".
func TCP(address string) verify.Check { return dialed("tcp/"+address, "tcp", address) }

// Unix holds where somebody accepts connections at a stream socket's path.
func Unix(path string) verify.Check { return dialed(named("unix", path), "unix", path) }

func dialed(name, network, address string) verify.Check {
	return verify.Check{Name: name, Tags: []string{Standard, "network"}, Look: func(ctx context.Context) verify.Finding {
		began := time.Now()
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			var wrong *net.AddrError
			if errors.As(err, &wrong) {
				return verify.CouldNotLook(err)
			}
			return verify.Finding{Status: verify.Fail, Wanted: "an accepted connection", Observed: "none", Cause: err.Error()}
		}
		took := time.Since(began)
		if err := conn.Close(); err != nil {
			return verify.CouldNotLook(err)
		}
		return verify.Passed(fmt.Sprintf("accepted in %v", took.Round(10*time.Microsecond)))
	}}
}

// Latency holds where url answers 200 within most, the median of five requests
// with a connection each.
func Latency(url string, most time.Duration) verify.Check {
	return verify.Check{Name: "latency/" + url, Tags: []string{Standard, "network"}, Alone: true, Look: func(ctx context.Context) verify.Finding {
		var took []time.Duration
		for range 5 {
			began := time.Now()
			if _, _, bad := fetch(ctx, url); bad != nil {
				return *bad
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		median := took[len(took)/2]
		f := verify.Finding{Status: verify.Pass, Wanted: "at most " + most.String(), Observed: median.Round(10 * time.Microsecond).String()}
		if median > most {
			f.Status = verify.Fail
		}
		return f.Because("it answers too slowly", "")
	}}
}

// MetricBelow holds where a number that a service exports in the Prometheus text
// format is below a limit. metric is a name, with labels as exported if it has
// some: `jobs{queue="a"}`.
func MetricBelow(url, metric string, limit float64) verify.Check {
	return verify.Check{Name: "metric/" + metric, Tags: []string{Standard, "network"}, Look: func(ctx context.Context) verify.Finding {
		values, bad := metrics(ctx, url)
		if bad != nil {
			return *bad
		}
		v, ok := values[metric]
		if !ok {
			return verify.CouldNotLook(fmt.Errorf("%s exports no %s", url, metric))
		}
		f := verify.Finding{Status: verify.Pass, Wanted: "below " + decimal(limit), Observed: decimal(v)}
		if !(v < limit) { // NaN is not below
			f.Status = verify.Fail
		}
		return f.Because(metric+" has reached its limit", "")
	}}
}

// Heap holds where a service's heap in use is below a part of its memory limit,
// both as its own metrics endpoint has them: the names of the two metrics in
// Prometheus' text format. A limit that is missing, or none, fails: then nothing
// keeps the heap from growing until the kernel kills.
func Heap(url, used, limit string, part float64) verify.Check {
	return verify.Check{Name: "heap/" + url, Tags: []string{Standard, "network", "go"}, Look: func(ctx context.Context) verify.Finding {
		if !(part > 0 && part <= 1) {
			return verify.CouldNotLook(fmt.Errorf("a part of the limit is above 0 and at most 1, such as 0.8, not %v", part))
		}
		values, bad := metrics(ctx, url)
		if bad != nil {
			return *bad
		}
		have, ok := values[used]
		if !ok {
			return verify.CouldNotLook(fmt.Errorf("%s exports no %s", url, used))
		}
		most, ok := values[limit]
		if !ok || most <= 0 || most >= 1<<62 {
			return verify.Finding{
				Status: verify.Fail, Wanted: "a heap below its limit", Observed: decimal(have) + " bytes, and no limit",
				Cause: "the runtime has no memory limit (GOMEMLIMIT)", Remedy: "put what cgroupv2.Limits.GoEnv gives into the unit",
			}
		}
		f := verify.Finding{
			Status: verify.Pass, Wanted: fmt.Sprintf("below %s%% of %s bytes", decimal(part*100), decimal(most)),
			Observed: fmt.Sprintf("%s bytes, %.1f%%", decimal(have), have/most*100),
		}
		if !(have < most*part) {
			f.Status = verify.Fail
		}
		return f.Because("the heap is close to the limit", "find what it holds (pprof), or raise MemoryMax= and GOMEMLIMIT")
	}}
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// metrics reads the text format (version 0.0.4): "name{labels} value [time]".
func metrics(ctx context.Context, url string) (map[string]float64, *verify.Finding) {
	body, _, bad := fetch(ctx, url)
	if bad != nil {
		return nil, bad
	}
	values := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		end := strings.IndexByte(line, ' ')
		if brace := strings.LastIndexByte(line, '}'); brace > 0 {
			end = brace + 1
		}
		if end < 0 {
			continue
		}
		number, _, _ := strings.Cut(strings.TrimSpace(line[end:]), " ")
		if v, err := strconv.ParseFloat(number, 64); err == nil {
			values[line[:end]] = v
		}
	}
	if len(values) == 0 {
		f := verify.CouldNotLook(fmt.Errorf("%s answers with no metrics in the Prometheus text format", url))
		return nil, &f
	}
	return values, nil
}
