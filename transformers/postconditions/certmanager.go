package postconditions

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/transformers/resource"
)

const certManagerGroup = "cert-manager.io"

func isCertificate(o *resource.Object) bool {
	return o.Kind == "Certificate" && groupOf(o.APIVersion) == certManagerGroup
}

// certificateWritesSecret: where cert-manager is the source, exactly one
// Certificate writes what is mounted; where it is not, none of the release does.
func certificateWritesSecret(set *resource.Set, e expected) ([]error, error) {
	if !e.TLSStated || e.HTTP || !e.CertManager {
		return nil, nil
	}
	writers, err := e.writers(set, e.Secret)
	if err != nil || len(writers) == 1 {
		return nil, err
	}
	return []error{failure(codes.CertificateWriters, e.Workload,
		"leave one of them in the render, and say with spec.targets.certificate which", "Secret %s is written by [%s], expected one Certificate", e.Secret, listed(writers))}, nil
}

// writers are the Certificates of the release's namespace that write a Secret.
func (e expected) writers(set *resource.Set, secret string) ([]*resource.Object, error) {
	certificates, err := set.Select([]string{"Certificate"}, secret)
	return slices.DeleteFunc(certificates, func(o *resource.Object) bool {
		return !isCertificate(o) || !e.near(o) || scalar(o.Node().YNode(), "spec", "secretName") != secret
	}), err
}

func listed(objects []*resource.Object) string {
	var names []string
	for _, o := range objects {
		names = append(names, o.String())
	}
	return strings.Join(names, ", ")
}

// link is one step from the registry's workload to what signs its certificate: what
// an object needs, and what provides that, nil for nothing in the manifests.
type link struct {
	from  *resource.Object
	needs reference
	found *resource.Object
}

// chain follows the Secret that the registry mounts to its Certificate, the issuer,
// the CA's Secret and so on, up to what needs nothing or is not in the manifests.
func (e expected) chain(set *resource.Set) ([]link, error) {
	var links []link
	next := link{from: e.Workload, needs: reference{kind: "Secret", namespace: e.Namespace, name: e.Secret}}
	for len(links) < 20 { // a chain may go round
		var err error
		if next.found, err = e.find(set, next.needs); err != nil {
			return nil, err
		}
		links = append(links, next)
		if next.found == nil {
			break
		}
		signs := slices.DeleteFunc(e.references(next.found), func(r reference) bool { return r.where != "spec.issuerRef" && r.where != "spec.ca.secretName" })
		if len(signs) == 0 {
			break
		}
		next = link{from: next.found, needs: signs[0]}
	}
	return links, nil
}

// find returns what provides an object that is referred to, a Certificate if one
// writes it.
func (e expected) find(set *resource.Set, r reference) (*resource.Object, error) {
	objects, err := set.Select([]string{r.kind, "Certificate"}, r.name)
	var found *resource.Object
	for _, o := range objects {
		if e.providedBy(o)(r) && (found == nil || isCertificate(o)) {
			found = o
		}
	}
	return found, err
}

// chainIsWhole: what issues the registry's certificate is there, if it was in the
// render or is the release's own. An issuer that the scenario states, and a
// user-provided one, may be in the cluster alone.
func chainIsWhole(set *resource.Set, e expected) ([]error, error) {
	if !e.TLSStated || e.HTTP || !e.CertManager || e.IssuerStated {
		return nil, nil
	}
	const wholeChain = "render the chart with its whole certificate chain"
	var failures []error
	for _, o := range e.Chain {
		if o.Removed() {
			failures = append(failures, failure(codes.ChainBroken, o, wholeChain, "is gone, and the registry's certificate depends on it"))
		}
	}
	links, err := e.chain(set)
	if err != nil {
		return nil, err
	}
	for _, l := range links[1:] {
		if o := l.found; o != nil && isCertificate(o) && scalar(o.Node().YNode(), "spec", "isCA") != "true" {
			failures = append(failures, failure(codes.ChainBroken, o, wholeChain, "expected spec.isCA: true of the CA that signs the registry's certificate"))
		}
	}
	last := links[len(links)-1]
	if last.found != nil || len(links) == 1 || last.needs.uncertain || last.needs.kind == "ClusterIssuer" || last.needs.group != groups[last.needs.kind] {
		return failures, nil
	}
	unused, err := e.unusedSigner(set, links)
	if err != nil {
		return nil, err
	}
	fix := fmt.Sprintf("%s, or write certManager.issuerRef: {name: %s, kind: Issuer} if that is in the cluster", wholeChain, links[1].needs.name)
	switch name := last.needs.kind + " " + last.needs.name; {
	case unused != nil:
		failures = append(failures, failure(codes.ChainBroken, last.from, fix, "%s refers to %s, which is not in the manifests, and nothing uses %s", last.needs.where, name, unused))
	case last.from.Annotations()[addedBy] != "", e.Release != "" && strings.HasPrefix(last.needs.name+"-", e.Release+"-"):
		failures = append(failures, failure(codes.ChainBroken, last.from, fix, "%s refers to the release's %s, which is not in the manifests", last.needs.where, name))
	}
	return failures, nil
}

// addedBy is the annotation of the objects that this program added.
const addedBy = "connectedregistry.dev/added-by"

// unusedSigner returns an Issuer or a CA's Certificate of the release that no other
// one uses: what is left of a chain with a gap. Nil is none.
func (e expected) unusedSigner(set *resource.Set, links []link) (*resource.Object, error) {
	signers, err := set.Select([]string{"Issuer", "ClusterIssuer", "Certificate", "CertificateRequest"})
	if err != nil {
		return nil, err
	}
	for _, o := range signers {
		instance := o.Labels()[instanceLabel]
		isSigner := o.Kind == "Issuer" || isCertificate(o) && scalar(o.Node().YNode(), "spec", "isCA") == "true"
		isLinked := slices.ContainsFunc(links, func(l link) bool { return l.found == o })
		if !isSigner || isLinked || !e.near(o) || instance != "" && instance != e.Instance {
			continue
		}
		isUsed := slices.ContainsFunc(signers, func(user *resource.Object) bool {
			return slices.ContainsFunc(e.references(user), e.providedBy(o))
		})
		if !isUsed {
			return o, nil
		}
	}
	return nil, nil
}

// controllers are the images that cert-manager's own pods run, whatever registry
// they are pulled from.
var controllers = lazyregexp.New(`(?:^|/)cert-manager-(?:controller|webhook|cainjector)(?:[:@]|$)`)

// certManagerCRDs are the kinds that cert-manager itself defines. Other projects
// define more of them in groups below cert-manager.io.
var certManagerCRDs = []string{
	"certificates.cert-manager.io", "certificaterequests.cert-manager.io", "issuers.cert-manager.io", "clusterissuers.cert-manager.io",
	"orders.acme.cert-manager.io", "challenges.acme.cert-manager.io",
}

// certManagerIsGone: if the bundled cert-manager was to go, nothing of it is left,
// no pod of the release's namespace and of its label runs one of its images, and no
// CRD of its own has that label. What calls its Services is found by nothingDangles.
func certManagerIsGone(set *resource.Set, e expected) ([]error, error) {
	if len(e.Bundle) == 0 {
		return nil, nil
	}
	left := slices.DeleteFunc(slices.Clone(e.Bundle), (*resource.Object).Removed)
	marked := func(o *resource.Object) bool {
		sameInstance := func(b *resource.Object) bool { return b.Labels()[instanceLabel] == o.Labels()[instanceLabel] }
		return e.near(o) && slices.ContainsFunc(e.Bundle, sameInstance) && !slices.Contains(left, o)
	}
	crds, err := set.Heads([]string{"CustomResourceDefinition"}, "cert-manager.io")
	if err != nil {
		return nil, err
	}
	for _, o := range crds {
		if marked(o) && o.Labels()[instanceLabel] != "" && slices.Contains(certManagerCRDs, o.Name) {
			left = append(left, o)
		}
	}
	pods, err := set.Select([]string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod"}, "cert-manager-")
	if err != nil {
		return nil, err
	}
	for _, o := range pods {
		if marked(o) && slices.ContainsFunc(images(o), func(image string) bool { return controllers().MatchString(image) }) {
			left = append(left, o)
		}
	}
	var failures []error
	for _, o := range left {
		failures = append(failures, failure(codes.CertManagerRemains, o, "render the chart with cert-manager.install=false", "is still there, although the bundled cert-manager was to go"))
	}
	return failures, nil
}

// images are those of an object's containers, wherever its pod's spec is.
func images(o *resource.Object) []string {
	var found []string
	walk(o.Node().YNode(), func(key string, n *yaml.Node) {
		if key == "image" {
			found = append(found, n.Value)
		}
	})
	return found
}
