package verify

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Began    string      `xml:"timestamp,attr,omitempty"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
	Skipped *junitProblem `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit prints the report as JUnit XML under a suite name. Unknown is an
// error there, not applicable is skipped, and a warning is a pass with output.
func (r Report) WriteJUnit(w io.Writer, suite string) error {
	s := junitSuite{
		Name: suite, Tests: len(r.Results), Failures: r.Count(Fail), Errors: r.Count(Unknown), Skipped: r.Count(NotApplicable),
		Time: seconds(r.Took.Seconds()),
	}
	if !r.Began.IsZero() {
		s.Began = r.Began.UTC().Format("2006-01-02T15:04:05")
	}
	for _, res := range r.Results {
		c := junitCase{Class: suite, Name: oneLine(res.Check), Time: seconds(res.Took.Seconds())}
		text := oneLine(res.Finding.String())
		problem := &junitProblem{Message: values(res.Finding), Text: text}
		if problem.Message == "" {
			problem.Message = oneLine(res.Cause)
		}
		switch res.Status {
		case Fail:
			c.Failure = problem
		case Unknown:
			c.Error = problem
		case NotApplicable:
			c.Skipped = problem
		default:
			c.Out = text
		}
		s.Cases = append(s.Cases, c)
	}
	if r.invalid != nil {
		s.Tests, s.Errors = s.Tests+1, s.Errors+1
		s.Cases = append(s.Cases, junitCase{Class: suite, Name: "checks", Error: &junitProblem{Message: oneLine(r.invalid.Error())}})
	}
	out, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	b.Write(out)
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}

func seconds(s float64) string { return strings.TrimSpace(strconv.FormatFloat(s, 'f', 6, 64)) }
