package registry

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// CertManagerGroup is the API group of cert-manager's own kinds.
const CertManagerGroup = "cert-manager.io"

// IssuerKinds are cert-manager's own issuers.
var IssuerKinds = []string{"Issuer", "ClusterIssuer"}

// IsCertManager reports whether an object is one of these kinds of cert-manager's.
func IsCertManager(o *resource.Object, kinds ...string) bool {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return group == CertManagerGroup && slices.Contains(kinds, o.Kind)
}

// findCertificate finds the Certificate that writes the mounted Secret, and what issues
// it.
func (reg *Registry) findCertificate(set *resource.Set, target *scenario.Target) error {
	all, err := set.Select([]string{"Certificate"}, CertManagerGroup)
	if err != nil {
		return err
	}
	var candidates []Evidence
	for _, o := range all {
		writes := reg.Secret != "" && node.Text(o.Node(), "spec", "secretName") == reg.Secret
		if !IsCertManager(o, "Certificate") {
			continue
		}
		if !reg.Release.SameNamespace(o.Namespace) {
			reg.reject(Certificate, o, OtherNamespace, "in namespace "+o.Namespace)
			continue
		}
		if target == nil && !writes {
			reg.reject(Certificate, o, OtherSecret, "writes Secret "+node.Text(o.Node(), "spec", "secretName"))
			continue
		}
		e := reg.Release.marks(o)
		if writes {
			e.add(WritesSecret, "writes Secret "+reg.Secret)
		}
		if target != nil && selects(target, o) {
			e.add(NamedByTarget, "named by spec.targets.certificate")
		}
		candidates = append(candidates, e)
	}
	reg.Candidates[Certificate] = candidates
	reg.Certificate, reg.Ambiguous[Certificate] = reg.pick(Certificate, candidates, target)
	if reg.Certificate == nil {
		return nil
	}
	reg.Chain, err = IssuingChain(set, reg.Certificate, node.Lookup(reg.Certificate.Node(), "spec", "issuerRef"))
	return err
}

// IssuingChain follows an issuerRef of a certificate and a CA issuer's Secret through
// the stream, nearest first. It ends at an issuer that is elsewhere, or at a self-signed
// one.
func IssuingChain(set *resource.Set, certificate *resource.Object, issuerRef *yaml.RNode) ([]*resource.Object, error) {
	issuers, err := set.Select(IssuerKinds, CertManagerGroup)
	if err != nil {
		return nil, err
	}
	certificates, err := set.Select([]string{"Certificate"}, CertManagerGroup)
	if err != nil {
		return nil, err
	}
	var chain []*resource.Object
	for current := certificate; ; issuerRef = node.Lookup(current.Node(), "spec", "issuerRef") {
		i := slices.IndexFunc(issuers, func(o *resource.Object) bool {
			return RefersToIssuer(issuerRef, current.Namespace, o)
		})
		if i < 0 || slices.Contains(chain, issuers[i]) {
			return chain, nil
		}
		issuer := issuers[i]
		chain = append(chain, issuer)
		secret := node.Text(issuer.Node(), "spec", "ca", "secretName")
		i = slices.IndexFunc(certificates, func(o *resource.Object) bool {
			return secret != "" && node.Text(o.Node(), "spec", "secretName") == secret &&
				(issuer.Kind == "ClusterIssuer" || o.Namespace == issuer.Namespace)
		})
		if i < 0 || slices.Contains(chain, certificates[i]) || certificates[i] == certificate {
			return chain, nil
		}
		current = certificates[i]
		chain = append(chain, current)
	}
}

// RefersToIssuer reports whether an issuerRef in a namespace means that issuer. Kind and
// group left out mean Issuer and cert-manager.io (cert-manager's API).
func RefersToIssuer(ref *yaml.RNode, namespace string, issuer *resource.Object) bool {
	kind, group := node.Text(ref, "kind"), node.Text(ref, "group")
	if kind == "" {
		kind = "Issuer"
	}
	if group != "" && group != CertManagerGroup || !IsCertManager(issuer, kind) || !Named(issuer, node.Text(ref, "name")) {
		return false
	}
	return kind == "ClusterIssuer" || issuer.Namespace == namespace
}
