package transformers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// The node label that restricts the trust distribution. Source: the connected
// registry's documentation of trustDistribution.useNodeSelector.
const (
	trustNodeLabel = "containerd-configured-by"
	trustNodeValue = "connected-registry"
)

// podKinds are the kinds that hold a pod's spec.
var podKinds = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"}

// trustDistribution takes the DaemonSet that configures containerd out, or sets
// which nodes it runs on and makes the CA that it hands out the effective one.
func trustDistribution(r *render) error {
	stated := r.spec.TrustDistribution
	if stated != nil {
		if err := r.registry.Ambiguous[registry.TrustDistribution]; err != nil {
			return err
		}
	}
	trust := r.registry.Trust
	if r.decided.NoTrust {
		r.removeTrust(stated.UseNodeSelector != nil)
		trust = nil
	} else if stated != nil && stated.UseNodeSelector != nil {
		if trust == nil {
			return r.scenario.At(codes.NoTrustDistribution, "spec.trustDistribution.useNodeSelector", "the render holds no trust distribution DaemonSet",
				"render the chart with trustDistribution.enabled=true, or leave it out")
		}
		r.selectNodes(trust, *stated.UseNodeSelector)
	}
	if r.decided.HTTP || !r.decided.TLSStated && len(r.decided.Vacated) == 0 {
		return nil
	}
	if err := r.followSecret(); err != nil {
		return err
	}
	if trust == nil {
		return nil
	}
	return r.checkTrust(trust)
}

// removeTrust removes the DaemonSet, or says that none was recognized and which
// candidates stay.
func (r *render) removeTrust(selectsNodes bool) {
	if selectsNodes {
		r.warn(codes.NoEffect, nil, "useNodeSelector has no effect while the trust distribution is disabled")
	}
	if len(r.removeDecided(decision.TrustDistribution)) > 0 {
		return
	}
	candidates := r.registry.Candidates[registry.TrustDistribution]
	isFirstRun := r.registry.Workload.Annotations()[registry.ScenarioAnnotation] == "" // a later one removes nothing
	if len(candidates) == 0 && isFirstRun {
		r.warn(codes.NothingToRemove, nil, "no trust distribution DaemonSet was recognized, so nothing was removed")
	}
	for _, e := range candidates {
		r.warn(codes.KeptUnproved, e.Object, "kept, because no evidence proves that it is the chart's trust distribution (%s); if it is, write %s",
			e, registry.Override(registry.TrustDistribution, e.Object))
	}
}

func (r *render) selectNodes(trust *resource.Object, use bool) {
	pod := lookup(trust.Node(), "spec", "template", "spec")
	if use {
		if putText(pod, trustNodeValue, "nodeSelector", trustNodeLabel) {
			r.changed(trust, "runs on nodes labelled %s=%s only", trustNodeLabel, trustNodeValue)
		}
		return
	}
	if drop(pod, "nodeSelector", trustNodeLabel) {
		dropEmpty(pod, "nodeSelector")
		r.changed(trust, "runs on every node")
	}
}

// followSecret moves what else of the release used the certificate's former
// Secrets to the effective one: the trust distribution's CA above all, and hooks.
func (r *render) followSecret() error {
	former := slices.Clone(r.decided.Vacated)
	if r.registry.Secret != "" {
		former = append(former, r.registry.Secret)
	}
	former = slices.DeleteFunc(former, func(name string) bool { return name == r.decided.Secret || name == "" })
	if len(former) == 0 {
		return nil
	}
	objects, err := r.set.Select(podKinds, former...)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if !r.registry.Release.Owns(o) || !r.registry.Release.SameNamespace(o.Namespace) {
			continue
		}
		if err := r.followIn(o, former); err != nil {
			return err
		}
	}
	return nil
}

func (r *render) followIn(o *resource.Object, former []string) error {
	for _, ref := range registry.SecretRefs(registry.PodSpec(o.Node())) {
		name := ref.Name()
		if !slices.Contains(former, name) {
			continue
		}
		putText(ref.At, r.decided.Secret, ref.NameField)
		leaf := name == r.registry.Secret && o != r.registry.Trust
		if !leaf {
			if err := r.requireCA(o, ref); err != nil {
				return err
			}
			ref.Take(caKey)
		}
		r.changed(o, "%s takes Secret %s instead of %s", ref.Where, r.decided.Secret, name)
	}
	return nil
}

// requireCA refuses to point a reference to the CA at a Secret that has none.
func (r *render) requireCA(o *resource.Object, ref registry.SecretRef) error {
	has, known, err := r.hasCA()
	if err != nil || has {
		return err
	}
	if !known {
		r.warn(codes.CAUnknown, o, "%s takes %s from Secret %s, which is not in the stream: it must hold that key", ref.Where, caKey, r.decided.Secret)
		return nil
	}
	return problemWith(codes.CAMissing, o, ref.Where, "give spec.tls.caCrt (or caCrtFile), put ca.crt into the Secret, or write trustDistribution.enabled: false",
		"nodes are to trust the CA in Secret %s, which has no %s", r.decided.Secret, caKey)
}

// hasCA says whether the effective Secret holds a CA, and whether that is known.
func (r *render) hasCA() (has, known bool, err error) {
	if r.decided.CertManager {
		return true, true, nil // cert-manager writes it
	}
	o, err := r.named("Secret", r.decided.Secret)
	if err != nil || o == nil {
		return false, false, err
	}
	return len(secretData(o)[caKey]) > 0, true, nil
}

// checkTrust makes sure that the DaemonSet takes its CA from the effective source,
// and that it is a CA.
func (r *render) checkTrust(trust *resource.Object) error {
	allowed := append([]string{r.decided.Secret}, r.decided.CASecrets...)
	found := false
	for _, ref := range registry.SecretRefs(registry.PodSpec(trust.Node())) {
		if !slices.Contains(allowed, ref.Name()) {
			continue
		}
		found = true
		if ref.Name() == r.decided.Secret && slices.Contains(ref.Keys(), crtKey) {
			if err := r.checkLeafAsCA(trust, ref); err != nil {
				return err
			}
		}
	}
	if found || r.registry.Secret == r.decided.Secret && r.material == nil {
		return nil
	}
	var others []string
	for _, ref := range registry.SecretRefs(registry.PodSpec(trust.Node())) {
		others = append(others, ref.Name())
	}
	taken := "it takes no CA from a Secret, so it cannot be told to hand out the one of Secret " + r.decided.Secret
	if slices.Sort(others); len(others) > 0 {
		taken = fmt.Sprintf("expected it to take the CA from Secret %s, got Secret %s, which nothing in the manifests shows to hold that CA", r.decided.Secret, strings.Join(slices.Compact(others), ", "))
	}
	return problemWith(codes.CANotTaken, trust, "spec.template.spec.volumes",
		"write trustDistribution.enabled: false and distribute the CA yourself, or set the certificate by chart values", "%s", taken)
}

// checkLeafAsCA is about charts that hand tls.crt to the nodes where no CA was
// given: right for a self-signed certificate, and for no other.
func (r *render) checkLeafAsCA(trust *resource.Object, ref registry.SecretRef) error {
	has, known, err := r.hasCA()
	switch {
	case err != nil || !known:
		return err
	case has:
		ref.Take(caKey)
		r.changed(trust, "%s takes %s of Secret %s", ref.Where, caKey, r.decided.Secret)
	case r.material != nil && len(r.materialCA) == 0:
		return problemWith(codes.CAMissing, trust, ref.Where, "give spec.tls.caCrt (or caCrtFile), or write trustDistribution.enabled: false",
			"nodes are to trust %s of Secret %s, which is no CA", crtKey, r.decided.Secret)
	}
	return nil
}
