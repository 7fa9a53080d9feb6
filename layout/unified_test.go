package layout

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnified(t *testing.T) {
	a := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\nend"
	b := strings.NewReplacer("2\n3\n", "2\nthree\n", "10\n", "", "end", "end\n").Replace(a)
	require.Equal(t, `@@ -1,17 +1,16 @@
 1
 2
-3
+three
 4
 5
 6
 7
 8
 9
-10
 11
 12
 13
 14
 15
 16
-end
\ No newline at end of file
+end
`, unified(lines([]byte(a)), lines([]byte(b))))
	require.Equal(t, "@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n@@ -9,3 +8,4 @@\n 9\n 10\n 11\n+12\n",
		unified(lines([]byte("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n")), lines([]byte("2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"))))
	require.Equal(t, "@@ -0,0 +1,2 @@\n+a\n+b\n", unified(nil, lines([]byte("a\nb\n"))))
	require.Equal(t, "@@ -1 +0,0 @@\n-a\n", unified(lines([]byte("a\n")), nil))
	require.Equal(t, "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n", unified([]string{"a"}, []string{"a\n"}))
	require.Equal(t, "", unified([]string{"a\n"}, []string{"a\n"}))
}

// TestUnifiedIsAnEdit applies what is written, with patch(1) where there is one.
func TestUnifiedIsAnEdit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() (all []string) {
		for range r.IntN(40) {
			all = append(all, string(rune('a'+r.IntN(6)))+"\n")
		}
		return all
	}
	patch, err := exec.LookPath("patch")
	for range 300 {
		a, b := random(), random()
		var gotA, gotB []string
		for _, e := range difference(a, b) {
			if e.op != '+' {
				gotA = append(gotA, e.line)
			}
			if e.op != '-' {
				gotB = append(gotB, e.line)
			}
		}
		require.Equal(t, a, gotA)
		require.Equal(t, b, gotB)
		if err != nil || len(a) == 0 || len(b) == 0 {
			continue
		}
		file := filepath.Join(t.TempDir(), "f")
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(a, "")), 0o600))
		cmd := exec.Command(patch, "--silent", file)
		cmd.Stdin = strings.NewReader("--- f\n+++ f\n" + unified(a, b))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, strings.Join(b, ""), string(got))
	}
}

func TestTextsThatAreTooFarApart(t *testing.T) {
	var a, b []string
	for i := range 2000 {
		a, b = append(a, "a"+strings.Repeat("x", i%7)+"\n"), append(b, "b\n")
	}
	require.Len(t, difference(a, b), 4000)
}
