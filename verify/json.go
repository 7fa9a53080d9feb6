package verify

import (
	"encoding/json"
	"io"
	"time"
)

// Schema names the form of the JSON report, which schema/report-1.json describes
// as a JSON Schema. Its number grows when a reader of the old form would go
// wrong; new fields alone don't change it.
const Schema = "bedplate.verify/1"

type document struct {
	Schema  string         `json:"schema"`
	OK      bool           `json:"ok"`
	Error   string         `json:"error,omitempty"`
	Began   *time.Time     `json:"began,omitempty"`
	Took    time.Duration  `json:"took_ns"`
	Counts  map[Status]int `json:"counts"`
	Results []Result       `json:"results"`
}

// MarshalJSON gives the report as an object: schema, ok, error (why the checks
// could not be run), began, took_ns, counts by status, and results, each with
// check, status, wanted, observed, cause, remedy, took_ns, tags and blocked_by.
func (r Report) MarshalJSON() ([]byte, error) { return json.Marshal(r.document()) }

func (r Report) document() document {
	d := document{Schema: Schema, OK: r.OK(), Took: r.Took, Counts: map[Status]int{}, Results: r.Results}
	if !r.Began.IsZero() {
		began := r.Began.UTC()
		d.Began = &began
	}
	if r.invalid != nil {
		d.Error = r.invalid.Error()
	}
	for _, res := range r.Results {
		d.Counts[res.Status]++
	}
	if d.Results == nil {
		d.Results = []Result{}
	}
	return d
}

// WriteJSON prints the report as indented JSON.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r.document())
}
