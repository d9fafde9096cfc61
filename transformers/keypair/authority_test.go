package keypair_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/transformers/keypair"
)

func TestCheckAuthority(t *testing.T) {
	leaf, self, ca := fixtures.Leaf(), fixtures.SelfSignedLeaf(), fixtures.Authority()
	for name, c := range map[string]struct {
		ca, crt []byte
		says    string // "" where it passes
	}{
		"the CA of a certificate":               {ca.Crt, leaf.Crt, ""},
		"the CA of one that is not known":       {ca.Crt, nil, ""},
		"two CAs":                               {slices.Concat(ca.Crt, fixtures.LeafOfOtherCA().CA), leaf.Crt, ""},
		"a self-signed certificate":             {self.Crt, self.Crt, ""},
		"a self-signed one that is not known":   {self.Crt, nil, ""},
		"the CA of a chain":                     {ca.Crt, fixtures.Chain().Crt, ""},
		"the CA of a chain without its middle":  {ca.Crt, fixtures.IncompleteChain().Crt, "cannot be traced to this CA"},
		"a CA that signed another one":          {ca.Crt, fixtures.LeafOfOtherCA().Crt, "cannot be traced to this CA"},
		"another self-signed certificate":       {self.Crt, leaf.Crt, "is not a CA certificate"},
		"a certificate that is no CA":           {leaf.Crt, nil, "is not a CA certificate"},
		"a private key":                         {ca.Key, nil, "holds a private key (block 1)"},
		"a private key beside the CA":           {slices.Concat(ca.Crt, ca.Key), nil, "holds a private key (block 2)"},
		"nothing":                               {nil, leaf.Crt, "expected a certificate as PEM"},
		"no PEM":                                {[]byte("MIIBQzCB9qADAgECAghp"), leaf.Crt, "expected PEM"},
		"a CA beside a certificate that is bad": {ca.Crt, []byte("no PEM"), "spec.tls.crtFile: Invalid value: expected PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, errs := keypair.CheckAuthority(c.ca, c.crt, fields, now)
			if c.says == "" {
				require.Empty(t, errs)
				assert.Equal(t, string(c.ca), string(got))
				return
			}
			require.NotEmpty(t, errs)
			assert.Contains(t, errs.ToAggregate().Error(), c.says)
			assert.NotContains(t, errs.ToAggregate().Error()+string(got), "PRIVATE KEY")
		})
	}
}

// What stands beside the certificates is left out, and said.
func TestCheckAuthorityTakesCertificatesOnly(t *testing.T) {
	ca := fixtures.Authority().Crt
	got, warnings, errs := keypair.CheckAuthority(slices.Concat([]byte("# password: hunter2\n"), ca), nil, fields, now)
	require.Empty(t, errs)
	assert.Equal(t, string(ca), string(got))
	require.Len(t, warnings, 1)
	assert.Equal(t, "spec.tls.caCrtFile: text before the PEM blocks", warnings[0].Message)
	assert.False(t, strings.Contains(string(got), "hunter2"))
}

// A CA that has ended is of no use, whoever it signed.
func TestCheckAuthorityDates(t *testing.T) {
	_, _, errs := keypair.CheckAuthority(fixtures.Authority().Crt, nil, fields, now.AddDate(20, 0, 0))
	assert.Contains(t, errs.ToAggregate().Error(), "expired at 2036-01-01")
	_, warnings, errs := keypair.CheckAuthority(fixtures.Authority().Crt, nil, fields, now.AddDate(9, 6, 20))
	assert.Empty(t, errs)
	require.NotEmpty(t, warnings)
	assert.Contains(t, warnings[0].Message, "expires at 2036-01-01")
}
