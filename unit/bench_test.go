package unit_test

import (
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
)

func BenchmarkRender(b *testing.B) {
	s := unit.Service{Name: "app", Description: "The app", Exec: []string{"/opt/app/bin/app", "-v"}, User: "app", Type: unit.Notify}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unit.Render(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	s := unit.Service{Name: "app", Description: "The app", Exec: []string{"/opt/app/bin/app", "-v"}, User: "app", Type: unit.Notify}
	text, err := unit.Render(s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unit.Parse("app.service", strings.NewReader(string(text))); err != nil {
			b.Fatal(err)
		}
	}
}
