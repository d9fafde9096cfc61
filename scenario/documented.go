package scenario

// OwnSecret says where the Secret with a user-provided certificate is.
type OwnSecret int

// Where a documented scenario has its certificate from.
const (
	// NoOwnSecret is for cert-manager's certificate, and for none.
	NoOwnSecret OwnSecret = iota
	// RenderedSecret is rendered from a certificate and its key.
	RenderedSecret
	// ExistingSecret is in the cluster.
	ExistingSecret
	// AnySecret is either of the two.
	AnySecret
)

// Documented is one of the scenarios of the connected registry's documentation. It
// states what makes it that scenario, and no site's own values.
type Documented struct {
	Name      string
	Spec      Spec
	OwnSecret OwnSecret
}

// DocumentedScenarios returns the documented scenarios, in the documentation's order.
func DocumentedScenarios() []Documented {
	spec := func(enabled, install, trust bool) Spec {
		return Spec{
			CertManager:       &CertManager{Enabled: &enabled, Install: &install},
			TrustDistribution: &TrustDistribution{Enabled: &trust},
		}
	}
	isHTTP := true
	http := spec(false, false, false)
	http.HTTPEnabled = &isHTTP
	return []Documented{
		{"secure-by-default", spec(true, true, true), NoOwnSecret},
		{"preinstalled-cert-manager", spec(true, false, true), NoOwnSecret},
		{"byoc", spec(false, false, true), RenderedSecret},
		{"kubernetes-secret", spec(false, false, true), ExistingSecret},
		{"own-trust-distribution", spec(false, false, false), AnySecret},
		{"http", http, NoOwnSecret},
	}
}
