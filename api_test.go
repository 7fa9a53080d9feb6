package bedplate_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite api/*.txt from the code")

// TestAPI compares the exported names with api/*.txt, so that a review sees the
// surface grow, shrink or change. go test . -update rewrites the files.
func TestAPI(t *testing.T) {
	want := map[string]bool{}
	for dir := range packages(t, "linux") {
		if dir == "internal" || strings.HasPrefix(dir, "internal/") || strings.Contains(dir, "/internal") || strings.HasPrefix(dir, "examples/") {
			continue
		}
		name := filepath.Join("api", strings.NewReplacer(".", "bedplate", "/", "-").Replace(dir)+".txt")
		want[name] = true
		t.Run(dir, func(t *testing.T) {
			got := strings.Join(surface(t, dir), "\n") + "\n"
			if *update {
				require.NoError(t, os.MkdirAll("api", 0o755))
				require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
			}
			golden, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, string(golden), got, "the exported API changed: go test . -run TestAPI -update, and review the difference")
		})
	}
	files, err := filepath.Glob("api/*.txt")
	require.NoError(t, err)
	for _, f := range files {
		require.True(t, want[f], "%s describes a package that is gone", f)
	}
}

// surface lists the exported declarations of a package as built for Linux, one
// a line, sorted. A doc comment is required of each.
func surface(t *testing.T, dir string) (lines []string) {
	t.Helper()
	ctxt := build.Default
	ctxt.GOOS, ctxt.GOARCH = "linux", "amd64"
	p, err := ctxt.ImportDir(dir, 0)
	require.NoError(t, err)
	fset := token.NewFileSet()
	documented := false
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		documented = documented || f.Doc != nil
		for _, d := range f.Decls {
			lines = append(lines, declared(t, fset, d)...)
		}
	}
	if !documented {
		t.Errorf("package %s has no package comment", dir)
	}
	slices.Sort(lines)
	return lines
}

func declared(t *testing.T, fset *token.FileSet, d ast.Decl) (lines []string) {
	t.Helper()
	undocumented := func(at token.Pos, name string) {
		t.Errorf("%s: exported %s has no doc comment", fset.Position(at), name)
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || d.Recv != nil && !exportedReceiver(d.Recv.List[0].Type) {
			return nil
		}
		if d.Doc == nil && !interfaceMethod[d.Name.Name] {
			undocumented(d.Pos(), d.Name.Name)
		}
		signature := *d
		signature.Doc, signature.Body = nil, nil
		return []string{source(fset, &signature)}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					if d.Doc == nil && s.Doc == nil {
						undocumented(s.Pos(), s.Name.Name)
					}
					lines = append(lines, typeLines(fset, s)...)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() {
						if d.Doc == nil && s.Doc == nil && s.Comment == nil {
							undocumented(n.Pos(), n.Name)
						}
						line := d.Tok.String() + " " + n.Name
						if s.Type != nil {
							line += " " + source(fset, s.Type)
						}
						lines = append(lines, line)
					}
				}
			}
		}
	}
	return lines
}

// interfaceMethod are methods whose meaning an interface of the standard
// library, or Resource, gives.
var interfaceMethod = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "As": true, "String": true, "MarshalText": true, "UnmarshalText": true, "MarshalJSON": true, "UnmarshalJSON": true,
	"Len": true, "Less": true, "Swap": true, "Read": true, "Write": true, "Close": true,
}

func exportedReceiver(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return exportedReceiver(e.X)
	case *ast.IndexExpr:
		return exportedReceiver(e.X)
	case *ast.Ident:
		return e.IsExported()
	}
	return false
}

func typeLines(fset *token.FileSet, s *ast.TypeSpec) []string {
	head := "type " + s.Name.Name
	if s.Assign.IsValid() {
		head += " ="
	}
	var members *ast.FieldList
	switch u := s.Type.(type) {
	case *ast.StructType:
		head, members = head+" struct", u.Fields
	case *ast.InterfaceType:
		head, members = head+" interface", u.Methods
	default:
		return []string{head + " " + source(fset, s.Type)}
	}
	lines := []string{head}
	for _, m := range members.List {
		switch {
		case len(m.Names) == 0:
			lines = append(lines, head+", embeds "+source(fset, m.Type))
		default:
			for _, n := range m.Names {
				if n.IsExported() {
					lines = append(lines, head+", "+n.Name+" "+source(fset, m.Type))
				}
			}
		}
	}
	return lines
}

// source prints a node on one line.
func source(fset *token.FileSet, n ast.Node) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, fset, n); err != nil {
		return fmt.Sprint(err)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
