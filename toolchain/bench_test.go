package toolchain_test

import (
	"testing"

	"github.com/bedplate/bedplate/toolchain"
	"github.com/stretchr/testify/require"
	"runtime"
)

// BenchmarkVerify looks at a real SDK, from a glance to every byte.
func BenchmarkVerify(b *testing.B) {
	i, err := toolchain.Install(b.Context(), toolchain.SDK{Version: runtime.Version(), Source: proxy(b), Dir: scratch(b)})
	require.NoError(b, err)
	for _, v := range []struct {
		name   string
		verify func() error
	}{
		{"quick", i.VerifyQuick},
		{"standard", func() error { return i.VerifyStandard(b.Context()) }},
		{"deep", func() error { return i.Verify(b.Context()) }},
	} {
		b.Run(v.name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, v.verify())
			}
		})
	}
}
