package unit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bedplate/bedplate/unit"
	peer "github.com/coreos/go-systemd/v22/unit"
)

// service is a hardened unit of 44 lines, as it is when it is rendered.
var service = unit.Service{
	Name: "app", Description: "The app", Documentation: []string{"https://example.com/app"}, Type: unit.Notify, User: "app",
	Exec: []string{"/opt/app/current/bin/app", "-config", "/etc/app/app.toml"}, StateDirectory: []string{"app"},
}

func text(b *testing.B) []byte {
	b.Helper()
	out, err := unit.Render(service)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// BenchmarkParse reads the file without losing a byte; go-systemd drops comments
// and blank lines.
func BenchmarkParse(b *testing.B) {
	in := text(b)
	b.Run("bedplate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := unit.Parse("app.service", bytes.NewReader(in)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-systemd", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := peer.DeserializeSections(bytes.NewReader(in)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRender makes the unit of its typed value, checks included; go-systemd
// serialises options that are strings already, unescaped.
func BenchmarkRender(b *testing.B) {
	in := text(b)
	b.Run("bedplate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := unit.Render(service); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-systemd", func(b *testing.B) {
		options, err := peer.DeserializeOptions(bytes.NewReader(in))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bytes.NewBuffer(nil).ReadFrom(peer.Serialize(options)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLint parses and judges the file; systemd-analyze verify does, too.
func BenchmarkLint(b *testing.B) {
	in := text(b)
	b.Run("bedplate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := unit.Parse("app.service", bytes.NewReader(in))
			if err != nil {
				b.Fatal(err)
			}
			unit.Lint(f, unit.Target{})
		}
	})
	b.Run("systemd-analyze", func(b *testing.B) {
		if _, err := exec.LookPath("systemd-analyze"); err != nil {
			b.Skip("there is no systemd-analyze here")
		}
		file := filepath.Join(b.TempDir(), "app.service")
		// A program that there is; verify fails for one that there is not.
		runs := strings.Replace(string(in), "/opt/app/current/bin/app", "/bin/true", 1)
		if err := os.WriteFile(file, []byte(runs), 0o644); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if out, err := exec.Command("systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
		}
	})
}

// BenchmarkScore reckons the exposure; systemd-analyze security does, too.
func BenchmarkScore(b *testing.B) {
	f, err := unit.Parse("app.service", bytes.NewReader(text(b)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		unit.Score(f, unit.Target{})
	}
}
