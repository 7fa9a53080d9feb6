package verify_test

import (
	"testing"

	"github.com/bedplate/bedplate/verify"
	"github.com/stretchr/testify/require"
)

func TestSelection(t *testing.T) {
	pass := says(verify.Passed(""))
	checks := []verify.Check{
		{Name: "go/version", Look: pass, Tags: []string{"quick"}},
		{Name: "unit/app.service/active", Look: pass, Needs: []string{"systemd"}},
		{Name: "unit/app.service/limits", Look: pass, Needs: []string{"unit/app.service/active"}, Tags: []string{"quick"}},
		{Name: "unit/apparel.service/active", Look: pass},
		{Name: "http/http://127.0.0.1:80/", Look: pass, Tags: []string{"network", "slow"}},
		{Name: "systemd", Look: pass},
	}
	for _, c := range []struct {
		selection verify.Selection
		names     []string
		err       string
	}{
		{verify.Selection{}, []string{"go/version", "unit/app.service/active", "unit/app.service/limits", "unit/apparel.service/active", "http/http://127.0.0.1:80/", "systemd"}, ""},
		{verify.Selection{Names: []string{"unit/app.service"}}, []string{"unit/app.service/active", "unit/app.service/limits", "systemd"}, ""},
		{verify.Selection{Names: []string{"unit/app.service/limits"}}, []string{"unit/app.service/active", "unit/app.service/limits", "systemd"}, ""},
		{verify.Selection{Names: []string{"unit/"}, SkipNames: []string{"*/limits"}}, []string{"unit/app.service/active", "unit/apparel.service/active", "systemd"}, ""},
		{verify.Selection{Names: []string{"*active", "go/versio?"}}, []string{"go/version", "unit/app.service/active", "unit/apparel.service/active", "systemd"}, ""},
		{verify.Selection{Names: []string{"http/http://127.0.0.1:80/"}}, []string{"http/http://127.0.0.1:80/"}, ""},
		{verify.Selection{Tags: []string{"quick"}}, []string{"go/version", "unit/app.service/active", "unit/app.service/limits", "systemd"}, ""},
		{verify.Selection{SkipTags: []string{"network", "quick"}}, []string{"unit/app.service/active", "unit/apparel.service/active", "systemd"}, ""},
		{verify.Selection{Names: []string{"unit/ap.service"}}, nil, `no check is named "unit/ap.service"`},
		{verify.Selection{Names: []string{"un.*"}}, nil, `no check is named "un.*"`},
		{verify.Selection{Tags: []string{"quik"}}, nil, `no check has the tag "quik"`},
		{verify.Selection{Names: []string{"\xff"}}, nil, "is no UTF-8"},
		{verify.Selection{Names: []string{"go"}, SkipNames: []string{"go"}}, nil, "leaves no check"},
	} {
		got, err := c.selection.Of(checks)
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		var names []string
		for _, g := range got {
			names = append(names, g.Name)
		}
		require.Equal(t, c.names, names, "%+v", c.selection)
		require.NoError(t, verify.Run(t.Context(), got...).Err(), "a selection can always be run")
	}
}
