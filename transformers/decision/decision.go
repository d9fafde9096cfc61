// Package decision holds what a scenario means for rendered manifests, decided before
// the first of them changes. The transformers carry a Decision out and the
// post-conditions compare the result with it; neither writes it.
package decision

import (
	"slices"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Decision is what must hold on the result: as the scenario states it, otherwise as it
// was rendered.
type Decision struct {
	// Spec is what the scenario states, Scenario its name, and Digest what the marker
	// records of it.
	Spec             scenario.Spec
	Scenario, Digest string

	// Workload runs the registry in Container, which looks for its certificate in
	// CertificatePath.
	Workload        *resource.Object
	Container       string
	CertificatePath string
	// Service is nil if the manifests hold none. FormerPorts are the names and numbers
	// of its ports as rendered.
	Service     *resource.Object
	FormerPorts []string
	// Claim is the claim of the registry's data or the workload that has a template of
	// it, nil if the manifests hold neither.
	Claim *resource.Object
	// Release is the Helm release's name. Instance and Namespace tell its objects from
	// others; either may be empty.
	Release, Instance, Namespace string

	// HTTP means that the registry serves no TLS, CertManager that a Certificate
	// writes Secret, Install that the chart's own cert-manager stays, and Enforced that
	// a proxy refuses every push.
	HTTP, CertManager, Install, Enforced bool
	// TLSStated means that the scenario states where the certificate comes from. If
	// it does not, nothing of TLS changes.
	TLSStated bool
	// Secret is the effective Secret: the only one that the registry's container
	// has mounted at CertificatePath. It is empty for HTTP.
	Secret string

	// Concerned means that the scenario states something that the Certificate must
	// show: DNSNames and IPAddresses are all that it must hold.
	Concerned             bool
	DNSNames, IPAddresses []string
	// Chain is what issues the registry's certificate as rendered, nearest first.
	// IssuerStated means that the scenario states the issuer.
	Chain        []*resource.Object
	IssuerStated bool
	// CASecrets are the Secrets whose CA nodes may be told to trust beside Secret's
	// own: those of the CA Certificates that issue the registry's.
	CASecrets []string

	// Gone are the objects to remove.
	Gone []Removal
	// Vacated are the Secrets that only removed objects would have provided.
	Vacated []string
	// Bundle is the bundled cert-manager if it is to be removed, empty if it stays.
	Bundle []*resource.Object
	// Trust is the DaemonSet that makes nodes trust the registry, nil if there is none
	// on the result. NoTrust means that there must be none.
	Trust   *resource.Object
	NoTrust bool
	// Proxy is the name of the container that refuses pushes if Enforced. NoProxy means
	// that nothing of it may remain.
	Proxy   string
	NoProxy bool

	// ConnectionString is the one that the settings gave, empty for none.
	ConnectionString string
}

// Part is what a removed object was a part of.
type Part int

// The parts.
const (
	Bundle Part = iota
	Issuance
	OwnSecret
	TrustDistribution
)

// Removal is an object to remove, and why.
type Removal struct {
	Object *resource.Object
	Part   Part
	Reason string
}

// IsGone reports whether an object is to be removed.
func (d Decision) IsGone(o *resource.Object) bool {
	return slices.ContainsFunc(d.Gone, func(r Removal) bool { return r.Object == o })
}
