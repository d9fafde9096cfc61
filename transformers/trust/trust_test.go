package trust_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/connected-registry/scenario/transformers/trust"
)

// Every spelling of a host that an image's name can have is listed, and where each leads.
func TestEndpoints(t *testing.T) {
	for name, c := range map[string]struct {
		addresses         []string
		port, loginServer string
		http              bool
		want              []trust.Endpoint
	}{
		"an address": {[]string{"192.0.2.1"}, "443", "", false, []trust.Endpoint{
			{"192.0.2.1", "https://192.0.2.1"}, {"192.0.2.1:443", "https://192.0.2.1:443"},
		}},
		"an address of each family": {[]string{"192.0.2.1", "2001:DB8::1"}, "443", "", false, []trust.Endpoint{
			{"192.0.2.1", "https://192.0.2.1"}, {"192.0.2.1:443", "https://192.0.2.1:443"},
			{"[2001:db8::1]", "https://[2001:db8::1]"}, {"[2001:db8::1]:443", "https://[2001:db8::1]:443"},
		}},
		"a port that no scheme implies": {[]string{"192.0.2.1"}, "8443", "", false, []trust.Endpoint{
			{"192.0.2.1:8443", "https://192.0.2.1:8443"},
		}},
		"plain HTTP": {[]string{"192.0.2.1"}, "80", "", true, []trust.Endpoint{
			{"192.0.2.1", "http://192.0.2.1"}, {"192.0.2.1:80", "http://192.0.2.1:80"},
		}},
		"plain HTTP at the port of HTTPS": {[]string{"192.0.2.1"}, "443", "", true, []trust.Endpoint{
			{"192.0.2.1:443", "http://192.0.2.1:443"},
		}},
		"a name": {nil, "443", "Registry.example.com", false, []trust.Endpoint{
			{"registry.example.com", "https://registry.example.com"}, {"registry.example.com:443", "https://registry.example.com:443"},
		}},
		"a name with the port": {nil, "443", "registry.example.com:443", false, []trust.Endpoint{
			{"registry.example.com", "https://registry.example.com"}, {"registry.example.com:443", "https://registry.example.com:443"},
		}},
		"a name with another port": {nil, "443", "registry.example.com:8443", false, []trust.Endpoint{
			{"registry.example.com:8443", "https://registry.example.com:8443"},
		}},
		"nothing": {nil, "443", "", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var addresses []netip.Addr
			for _, a := range c.addresses {
				addresses = append(addresses, netip.MustParseAddr(a))
			}
			assert.Equal(t, c.want, trust.Endpoints(addresses, c.port, c.loginServer, c.http))
		})
	}
}
