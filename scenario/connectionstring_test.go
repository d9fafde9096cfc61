package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	byToken = "ConnectedRegistryName=edgeregistry;SyncTokenName=edgeregistry;" +
		"SyncTokenPassword=not/a+real=password==;" +
		"ParentGatewayEndpoint=example.westeurope.data.azurecr.io;ParentEndpointProtocol=https"
	byIdentity = "ConnectedRegistryName=edgeregistry;ManagedIdentityClientId=00000000-1111-2222-3333-444444444444;" +
		"ParentGatewayEndpoint=example.westeurope.data.azurecr.io;ParentEndpointProtocol=https"
)

func TestConnectionString(t *testing.T) {
	nested := strings.NewReplacer("example.westeurope.data.azurecr.io", "10.43.0.250:8000", "=https", "=http").Replace(byToken)
	for name, text := range map[string]string{
		"sync token":                 byToken,
		"managed identity":           byIdentity,
		"another order":              "ParentEndpointProtocol=https;" + strings.TrimSuffix(byToken, ";ParentEndpointProtocol=https"),
		"another letter case":        strings.Replace(byToken, "ConnectedRegistryName", "connectedregistryname", 1),
		"semicolon at the end":       byToken + ";",
		"password begins with =":     strings.Replace(byToken, "not/a", "=not/a", 1),
		"early token name":           strings.Replace(byToken, "SyncTokenName=edgeregistry", "SyncTokenName=edgeregistry-sync-token", 1),
		"mixed case name":            strings.ReplaceAll(byToken, "edgeregistry", "EdgeRegistry"),
		"port":                       strings.Replace(byToken, "azurecr.io", "azurecr.io:443", 1),
		"nested parent over HTTP":    nested,
		"nested parent of one label": strings.Replace(nested, "10.43.0.250:8000", "parent:8000", 1),
	} {
		c, err := ParseConnectionString(text)
		require.NoError(t, err, name)
		assert.Equal(t, text, c.Reveal(), name)
		assert.True(t, strings.EqualFold("edgeregistry", c.RegistryName()), name)
		assert.NotEmpty(t, c.ParentEndpoint(), name)
		assert.Equal(t, name == "managed identity", c.ManagedIdentity(), name)
	}
}

// Whatever prints one shows the registry's name and nothing else.
func TestConnectionStringIsRedacted(t *testing.T) {
	c, err := ParseConnectionString(byToken)
	require.NoError(t, err)
	encoded, err := json.Marshal(map[string]any{"c": c, "p": &c})
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprint(&c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%s", []ConnectionString{c}), string(encoded),
	} {
		assert.NotContains(t, text, "password")
		assert.Contains(t, text, "edgeregistry")
	}
}

func TestConnectionStringErrors(t *testing.T) {
	replace := func(old, by string) string {
		require.Contains(t, byToken, old)
		return strings.Replace(byToken, old, by, 1)
	}
	cases := map[string]struct{ text, says string }{
		"empty":                 {" ", "is empty; write what this prints: az acr connected-registry get-settings"},
		"byte order mark":       {"\ufeff" + byToken, `begins with a byte order mark; use "UTF-8 without BOM"`},
		"carriage return":       {byToken + "\r", `use tr -d '\r'`},
		"line break":            {replace(";Sync", ";\nSync"), "write it on one line"},
		"not UTF-8":             {byToken + "\xff", "write it on one line"},
		"too long":              {byToken + strings.Repeat("x", 5000), "expected some 200"},
		"the docs' placeholder": {"[connection string here]", "is a placeholder"},
		"the Helm docs'":        {"<insert connection string>", "is a placeholder"},
		"a variable":            {"$CONNECTION_STRING", "is a placeholder"},
		"a command":             {"$(az acr connected-registry get-settings --yes)", "is a placeholder"},
		"something else":        {"hello", `part 1 of the connection string has no "="`},
		"no equals sign":        {replace("not/a+real=", "not;a+real="), "part 4 of the connection string is none of"},
		"empty part":            {replace(";Sync", ";;Sync"), `part 2 of the connection string is empty; remove one of the two ";"`},
		"a slip":                {replace("SyncTokenPassword", "SyncTokenPasword"), "write SyncTokenPassword"},
		"twice":                 {byToken + ";SyncTokenName=x", "SyncTokenName stands in the connection string twice"},
		"no value":              {replace("SyncTokenName=edgeregistry", "SyncTokenName="), "SyncTokenName is empty"},
		"blanks":                {replace(";Sync", "; Sync"), "SyncTokenName has blanks around it"},
		"mixed forms":           {byToken + ";ManagedIdentityClientId=00000000-1111-2222-3333-444444444444", "which the registry refuses when it starts"},
		"no password":           {replace("SyncTokenPassword=not/a+real=password==;", ""), "SyncTokenPassword is missing"},
		"no protocol":           {replace(";ParentEndpointProtocol=https", ""), "ParentEndpointProtocol is missing"},
		"forgotten password":    {replace("not/a+real=password==", "<use --generate-password to generate a new password>"), "run it with --generate-password 1"},
		"x for a password":      {replace("not/a+real=password==", "xxxxxxxxxxxxxxxx"), "SyncTokenPassword is a placeholder"},
		"password with a blank": {replace("not/a+real=", "not a+real="), "holds a blank"},
		"short name":            {replace("ConnectedRegistryName=edgeregistry", "ConnectedRegistryName=edge"), "5 to 40 letters and digits"},
		"name with a dash":      {replace("ConnectedRegistryName=edgeregistry", "ConnectedRegistryName=edge-registry"), "5 to 40 letters and digits"},
		"name begins with 1":    {replace("ConnectedRegistryName=edgeregistry", "ConnectedRegistryName=1edgeregistry"), "a letter first"},
		"name is a placeholder": {replace("ConnectedRegistryName=edgeregistry", "ConnectedRegistryName=<cr_name>"), "ConnectedRegistryName is a placeholder"},
		"token":                 {replace("SyncTokenName=edgeregistry", "SyncTokenName=<token>"), "SyncTokenName is no name of a token"},
		"client id":             {strings.Replace(byIdentity, "00000000-", "0000-", 1), "ManagedIdentityClientId is no client id"},
		"no endpoint known":     {replace("example.westeurope.data.azurecr.io", "<parent gateway endpoint>"), "ParentGatewayEndpoint is a placeholder"},
		"IoT Edge":              {replace("example.westeurope.data.azurecr.io", "$IOTEDGE_PARENTHOSTNAME:8000"), "that IoT Edge fills in"},
		"scheme":                {replace("example.westeurope", "https://example.westeurope"), "expected a host"},
		"no host":               {replace("example.westeurope.data.azurecr.io", "-"), "is no host name"},
		"no port":               {replace("azurecr.io", "azurecr.io:"), "has no port"},
		"port too high":         {replace("azurecr.io", "azurecr.io:70000"), "has no port"},
		"HTTP with the cloud":   {replace("=https", "=http"), "write ParentEndpointProtocol=https"},
		"HTTP with China":       {strings.Replace(replace("=https", "=http"), "azurecr.io", "azurecr.cn:443", 1), "write ParentEndpointProtocol=https"},
		"another protocol":      {replace("=https", "=HTTPS"), "is neither https nor http"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConnectionString(c.text)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.says)
			assert.NotContains(t, err.Error(), "a+real")
			for _, e := range listed(t, err) {
				assert.NotEmpty(t, e.Fix)
			}
		})
	}
}

// listed is an error's problems.
func listed(t *testing.T, err error) Errors {
	t.Helper()
	var errs Errors
	require.ErrorAs(t, err, &errs)
	return errs
}

func FuzzConnectionString(f *testing.F) {
	for _, seed := range []string{byToken, byIdentity, "", ";", "=", "SyncTokenPassword=a1b2c3d4;=", "<x>", "\ufeff\r",
		// The program's own words as values.
		"ConnectedRegistryName=00000000-0000-0000-0000-000000000000;ManagedIdentityClientId=x;ParentGatewayEndpoint=a;ParentEndpointProtocol=https",
		"SyncTokenName=5 to 40 letters;SyncTokenPassword=x;ConnectedRegistryName=x;ParentGatewayEndpoint=a;ParentEndpointProtocol=https",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConnectionString(text)
		if err == nil {
			again, err := ParseConnectionString(c.Reveal())
			require.NoError(t, err)
			assert.Equal(t, c, again)
			assert.Equal(t, "ConnectedRegistryName="+c.RegistryName()+";<redacted>", c.String())
			return
		}
		assert.NotEmpty(t, listed(t, err))
		for _, part := range strings.Split(text, ";") {
			_, value, _ := strings.Cut(part, "=")
			if len(value) >= 8 && strings.ContainsAny(value, "0123456789") && strings.Contains(err.Error(), value) {
				assert.False(t, repeats(text, value), "%q is repeated: %v", value, err)
			}
		}
	})
}

// repeats reports whether the error of a text has the text's own value in it, and not
// the same words by chance: then another value in its place is in the error too.
func repeats(text, value string) bool {
	other := strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9':
			return '0' + (r-'0'+5)%10
		case 'a' <= r && r <= 'z':
			return 'a' + (r-'a'+13)%26
		}
		return r
	}, value)
	_, err := ParseConnectionString(strings.ReplaceAll(text, value, other))
	return err != nil && strings.Contains(err.Error(), other)
}
