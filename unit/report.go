package unit

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// WriteText writes findings for people, one a line, in the form that editors
// jump to.
func WriteText(w io.Writer, findings []Finding) error {
	for _, f := range findings {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	return nil
}

// The part of SARIF 2.1.0 that findings need.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		URI   string      `json:"informationUri"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     Severity        `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// WriteSARIF writes findings as SARIF 2.1.0, which code hosts show beside the
// lines.
func WriteSARIF(w io.Writer, findings []Finding) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "bedplate/unit", URI: "https://github.com/bedplate/bedplate"}}, Results: []sarifResult{}}
	rules := map[string]bool{}
	for _, f := range findings {
		rules[f.Rule] = true
		text := f.Message
		if f.Fix != "" {
			text += "; " + f.Fix
		}
		run.Results = append(run.Results, sarifResult{f.Rule, f.Severity, sarifMessage{text}, []sarifLocation{{sarifPhysical{sarifArtifact{f.File}, sarifRegion{max(f.Line, 1)}}}}})
	}
	run.Tool.Driver.Rules = []sarifRule{}
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{id})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}
