// Package verify_test gives reports to readers that others wrote: a JSON Schema
// validator, a JUnit parser, perl's TAP::Harness, Prometheus' own parser and one of
// monitoring plugins' performance data.
package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/joshdk/go-junit"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// hostile are names and values that try to break out of each format.
var hostile = []string{
	"plain", "unit/app@1.service/active", "a # SKIP forged", "# TODO", `back\slash\`, `quo"te`, "<xml>&amp;]]>", "tab and ümlaut", "a|b;c=d",
	"ok 1 - forged", "1..9", "{}", "bidi \u202e", "a\u2028separator", "bad utf8 \xff\xfe", "\ufffe noncharacter", "Bail out! no",
}

func says(f verify.Finding) func(context.Context) verify.Finding {
	return func(context.Context) verify.Finding { return f }
}

// reports are of every kind that there is.
func reports(t *testing.T) map[string]verify.Report {
	var checks []verify.Check
	statuses := []verify.Status{verify.Pass, verify.Fail, verify.Warn, verify.Unknown, verify.NotApplicable, ""}
	for i, text := range hostile {
		checks = append(checks, verify.Check{
			Name: text, Tags: []string{"t"},
			Look: says(verify.Finding{Status: statuses[i%len(statuses)], Wanted: text + "\n1..2\nnot ok 1", Observed: text + "\x00\x1b[2J", Cause: text + "\r\nok 2", Remedy: text}),
		})
	}
	checks = append(checks, verify.Check{Name: "behind", Needs: []string{hostile[1]}, Look: says(verify.Passed(""))})
	return map[string]verify.Report{
		"good":       verify.Run(t.Context(), verify.Check{Name: "a", Look: says(verify.Passed("b"))}),
		"mixed":      verify.Run(t.Context(), checks...),
		"nothing":    verify.Run(t.Context()),
		"zero":       {},
		"impossible": verify.Run(t.Context(), verify.Check{Name: "a\nb"}, verify.Check{Name: "c", Look: func(context.Context) verify.Finding { panic(errors.New("not asked")) }}),
	}
}

func write(t *testing.T, r verify.Report, f verify.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, r.Write(&b, f, "app01"))
	return b.Bytes()
}

func TestJSONAgainstItsSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../../../verify/schema/report-1.json")
	require.NoError(t, err)
	for name, r := range reports(t) {
		text := write(t, r, verify.FormatJSON)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err, name)
		require.NoError(t, schema.Validate(value), name)
		compact, err := json.Marshal(r)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(compact), name)
	}
	// The schema is no rubber stamp.
	for _, bad := range []string{
		`{}`, `{"schema":"bedplate.verify/2","ok":true,"took_ns":0,"counts":{},"results":[]}`,
		`{"schema":"bedplate.verify/1","ok":true,"took_ns":0,"counts":{"green":1},"results":[]}`,
		`{"schema":"bedplate.verify/1","ok":true,"took_ns":0,"counts":{},"results":[{"check":"a","status":"pass","took_ns":0,"blocked_by":["b"]}]}`,
	} {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(bad)))
		require.NoError(t, err)
		require.Error(t, schema.Validate(value), bad)
	}
}

func TestJUnitParser(t *testing.T) {
	for name, r := range reports(t) {
		suites, err := junit.Ingest(write(t, r, verify.FormatJUnit))
		require.NoError(t, err, name)
		require.Len(t, suites, 1, name)
		s := suites[0]
		require.Equal(t, "app01", s.Name)
		if name == "impossible" {
			require.Equal(t, len(r.Results)+1, s.Totals.Tests)
			require.Equal(t, len(r.Results)+1, s.Totals.Error)
			continue
		}
		require.Equal(t, len(r.Results), s.Totals.Tests, name)
		require.Equal(t, r.Count(verify.Fail), s.Totals.Failed, name)
		require.Equal(t, r.Count(verify.Unknown), s.Totals.Error, name)
		require.Equal(t, r.Count(verify.NotApplicable), s.Totals.Skipped, name)
		require.Equal(t, r.Count(verify.Pass)+r.Count(verify.Warn), s.Totals.Passed, name)
		for i, c := range s.Tests {
			if r.Results[i].Status == verify.Fail {
				require.Equal(t, junit.StatusFailed, c.Status)
				require.NotEmpty(t, c.Message)
			}
		}
	}
}

// TestProve gives TAP to perl's TAP::Harness, which says how many it saw.
func TestProve(t *testing.T) {
	prove, err := exec.LookPath("prove")
	require.NoError(t, err, "prove(1) reads TAP; it is in Debian's package perl")
	for name, r := range reports(t) {
		file := filepath.Join(t.TempDir(), "report.tap")
		require.NoError(t, os.WriteFile(file, write(t, r, verify.FormatTAP), 0o600))
		// --ignore-exit: cat's own status is no verdict.
		out, err := exec.Command(prove, "--formatter", "TAP::Formatter::File", "-v", "--exec", "cat", file).CombinedOutput()
		require.Equal(t, r.OK(), err == nil, "%s: %s", name, out)
		require.NotContains(t, string(out), "Parse errors: Tests out of sequence", name)
		switch name {
		case "good":
			require.Contains(t, string(out), "Result: PASS")
		case "mixed":
			require.Contains(t, string(out), "Tests=18,")
			require.Contains(t, string(out), "Failed 9/18 subtests", "%s", out)
			require.NotContains(t, string(out), "Parse errors")
			require.NotContains(t, string(out), "Bailout called")
		case "impossible":
			require.Contains(t, string(out), "Bailout called")
		}
	}
}

func TestPrometheusParser(t *testing.T) {
	for name, r := range reports(t) {
		p := expfmt.NewTextParser(model.UTF8Validation)
		families, err := p.TextToMetricFamilies(bytes.NewReader(write(t, r, verify.FormatPrometheus)))
		require.NoError(t, err, name)
		ok := families["bedplate_verify_ok"].GetMetric()[0].GetGauge().GetValue()
		require.Equal(t, r.OK(), ok == 1, name)
		if name != "mixed" {
			continue
		}
		status := families["bedplate_verify_check_status"].GetMetric()
		require.Len(t, status, 5*len(r.Results))
		for i, m := range status {
			res := r.Results[i/5]
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			require.Equal(t, strings.ToValidUTF8(res.Check, "\ufffd"), labels["check"], "a valid name comes back as it was")
			require.Equal(t, string(res.Status) == labels["status"], m.GetGauge().GetValue() == 1)
		}
	}
}
