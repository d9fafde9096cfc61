package transformers

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/scenario/lazyregexp"
	"github.com/connected-registry/scenario/transformers/resource"
)

const certManagerGroup = "cert-manager.io"

var issuerKinds = []string{"Issuer", "ClusterIssuer"}

// isCertManager says whether an object is one of cert-manager's own kinds.
func isCertManager(o *resource.Object, kinds ...string) bool {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return group == certManagerGroup && slices.Contains(kinds, o.Kind)
}

// findCertificate finds the Certificate that writes the mounted Secret, and what
// issues it.
func (reg *registry) findCertificate(set *resource.Set, target *scenario.Target) error {
	all, err := set.Select([]string{"Certificate"}, certManagerGroup)
	if err != nil {
		return err
	}
	certificates := slices.DeleteFunc(all, func(o *resource.Object) bool {
		return !isCertManager(o, "Certificate") || !reg.release.sameNamespace(o.Namespace)
	})
	if target == nil {
		certificates = slices.DeleteFunc(certificates, func(o *resource.Object) bool {
			return reg.secret == "" || text(o.Node(), "spec", "secretName") != reg.secret
		})
	}
	reg.certificate, err = reg.pick("certificate", certificates, target)
	reg.note("certificate", err)
	if reg.certificate == nil {
		return nil
	}
	reg.chain, err = issuingChain(set, reg.certificate)
	return err
}

// issuingChain follows issuerRef and a CA issuer's Secret through the stream,
// nearest first. It ends at an issuer that is elsewhere, or at a self-signed one.
func issuingChain(set *resource.Set, certificate *resource.Object) ([]*resource.Object, error) {
	issuers, err := set.Select(issuerKinds, certManagerGroup)
	if err != nil {
		return nil, err
	}
	certificates, err := set.Select([]string{"Certificate"}, certManagerGroup)
	if err != nil {
		return nil, err
	}
	var chain []*resource.Object
	for current := certificate; current != nil; {
		i := slices.IndexFunc(issuers, func(o *resource.Object) bool {
			return refersToIssuer(lookup(current.Node(), "spec", "issuerRef"), current.Namespace, o)
		})
		if i < 0 || slices.Contains(chain, issuers[i]) {
			return chain, nil
		}
		issuer := issuers[i]
		chain = append(chain, issuer)
		secret := text(issuer.Node(), "spec", "ca", "secretName")
		i = slices.IndexFunc(certificates, func(o *resource.Object) bool {
			return secret != "" && text(o.Node(), "spec", "secretName") == secret &&
				(issuer.Kind == "ClusterIssuer" || o.Namespace == issuer.Namespace)
		})
		if i < 0 || slices.Contains(chain, certificates[i]) || certificates[i] == certificate {
			return chain, nil
		}
		current = certificates[i]
		chain = append(chain, current)
	}
	return chain, nil
}

// refersToIssuer says whether an issuerRef in a namespace means that issuer. Kind
// and group left out mean Issuer and cert-manager.io (cert-manager's API).
func refersToIssuer(ref *yaml.RNode, namespace string, issuer *resource.Object) bool {
	kind, group := text(ref, "kind"), text(ref, "group")
	if kind == "" {
		kind = "Issuer"
	}
	if group != "" && group != certManagerGroup || !isCertManager(issuer, kind) || text(ref, "name") != issuer.Name {
		return false
	}
	return kind == "ClusterIssuer" || issuer.Namespace == namespace
}

// bundleKinds are the kinds that cert-manager's chart renders.
var bundleKinds = []string{
	"CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService",
	"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount",
	"Deployment", "DaemonSet", "Job", "CronJob", "Pod", "Service", "ConfigMap", "NetworkPolicy", "PodDisruptionBudget",
	"PodMonitor", "ServiceMonitor", "PodSecurityPolicy", "HorizontalPodAutoscaler", "VerticalPodAutoscaler",
}

var (
	bundleChart      = lazyregexp.New(`^cert-manager-v?\d`)
	bundleNames      = []string{"cert-manager", "cainjector", "webhook", "startupapicheck"}
	bundleComponents = []string{"controller", "cainjector", "webhook", "startupapicheck", "crds"}
	bundleImage      = lazyregexp.New(`(^|/)cert-manager-(controller|webhook|cainjector|startupapicheck|ctl)([:@]|$)`)
)

// findBundle finds the cert-manager that the chart brought along: everything of
// that subchart, and nothing that merely uses cert-manager.
func (reg *registry) findBundle(set *resource.Set) error {
	candidates, err := set.Heads(bundleKinds, "cert-manager")
	if err != nil {
		return err
	}
	foreign := false // another release's cert-manager is in the stream too
	var unlabelled []*resource.Object
	for _, o := range candidates {
		switch {
		case !isBundled(o):
		case o.Labels()[instanceLabel] == "" && reg.release.instance != "" && !reg.release.sameNamespace(o.Namespace):
			foreign = true
		case o.Labels()[instanceLabel] == "":
			unlabelled = append(unlabelled, o)
		case reg.release.instance != "" && o.Labels()[instanceLabel] != reg.release.instance:
			foreign = true
		default:
			reg.bundle = append(reg.bundle, o)
		}
	}
	// CRDs and webhooks have no namespace: without labels they belong to the only
	// cert-manager there is.
	if !foreign {
		reg.bundle = append(reg.bundle, unlabelled...)
	}
	services := map[string]bool{}
	for _, o := range reg.bundle {
		if o.Kind == "Service" {
			services[o.Name] = true
		}
	}
	for _, o := range candidates {
		if !slices.Contains(reg.bundle, o) && callsService(o, services) {
			reg.bundle = append(reg.bundle, o)
		}
	}
	return nil
}

// isBundled says whether an object is part of a cert-manager installation. The
// chart label decides where there is one.
func isBundled(o *resource.Object) bool {
	if o.Kind == "CustomResourceDefinition" {
		return strings.HasSuffix(o.Name, "."+certManagerGroup)
	}
	labels := o.Labels()
	if chart := labels[chartLabel]; chart != "" {
		return bundleChart().MatchString(chart)
	}
	if slices.Contains(bundleNames, labels[nameLabel]) && slices.Contains(bundleComponents, labels[componentLabel]) {
		return true
	}
	for _, c := range elements(o.Node(), "spec", "template", "spec", "containers") {
		if bundleImage().MatchString(text(c, "image")) {
			return true
		}
	}
	return false
}

// callsService says whether a webhook configuration calls one of these Services.
func callsService(o *resource.Object, services map[string]bool) bool {
	if !strings.HasSuffix(o.Kind, "WebhookConfiguration") {
		return false
	}
	for _, hook := range elements(o.Node(), "webhooks") {
		if services[text(hook, "clientConfig", "service", "name")] {
			return true
		}
	}
	return false
}
