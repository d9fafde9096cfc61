package transformers

import (
	"slices"

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
		if err := r.registry.ambiguous["trustDistribution"]; err != nil {
			return err
		}
	}
	trust := r.registry.trust
	disabled := stated != nil && stated.Enabled != nil && !*stated.Enabled
	if disabled {
		if stated.UseNodeSelector != nil {
			r.warn(codes.NoEffect, nil, "useNodeSelector has no effect while the trust distribution is disabled")
		}
		if trust != nil {
			r.remove(trust, "trust is distributed by other means")
		}
		trust = nil
	}
	if stated != nil && stated.UseNodeSelector != nil && !disabled {
		if trust == nil {
			return r.scenario.At(codes.NoTrustDistribution, "spec.trustDistribution.useNodeSelector", "the render holds no trust distribution DaemonSet",
				"render the chart with trustDistribution.enabled=true, or leave it out")
		}
		r.selectNodes(trust, *stated.UseNodeSelector)
	}
	if r.state.http || !r.state.tlsStated && len(r.vacated) == 0 {
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

// caSecrets are the Secrets of the living CA Certificates that issue the
// registry's: handing these out is as good as the effective Secret's ca.crt.
func (r *render) caSecrets() ([]string, error) {
	if !r.state.certManager || r.registry.certificate == nil {
		return nil, nil
	}
	chain, err := issuingChain(r.set, r.registry.certificate)
	var secrets []string
	for _, o := range chain {
		if o.Kind == "Certificate" {
			secrets = append(secrets, text(o.Node(), "spec", "secretName"))
		}
	}
	return secrets, err
}

// followSecret moves what else of the release used the certificate's former
// Secrets to the effective one: the trust distribution's CA above all, and hooks.
func (r *render) followSecret() error {
	former := slices.Clone(r.vacated)
	if r.registry.secret != "" {
		former = append(former, r.registry.secret)
	}
	former = slices.DeleteFunc(former, func(name string) bool { return name == r.state.secret || name == "" })
	if len(former) == 0 {
		return nil
	}
	objects, err := r.set.Select(podKinds, former...)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if !r.registry.release.owns(o) || !r.registry.release.sameNamespace(o.Namespace) {
			continue
		}
		if err := r.followIn(o, former); err != nil {
			return err
		}
	}
	return nil
}

func (r *render) followIn(o *resource.Object, former []string) error {
	for _, ref := range secretRefs(podSpec(o.Node())) {
		name := ref.name()
		if !slices.Contains(former, name) {
			continue
		}
		putText(ref.at, r.state.secret, ref.nameField)
		leaf := name == r.registry.secret && o != r.registry.trust
		if !leaf {
			if err := r.requireCA(o, ref); err != nil {
				return err
			}
			ref.take(caKey)
		}
		r.changed(o, "%s takes Secret %s instead of %s", ref.where, r.state.secret, name)
	}
	return nil
}

// requireCA refuses to point a reference to the CA at a Secret that has none.
func (r *render) requireCA(o *resource.Object, ref secretRef) error {
	has, known, err := r.hasCA()
	if err != nil || has {
		return err
	}
	if !known {
		r.warn(codes.CAUnknown, o, "%s takes %s from Secret %s, which is not in the stream: it must hold that key", ref.where, caKey, r.state.secret)
		return nil
	}
	return problemWith(codes.CAMissing, o, ref.where, "give spec.tls.caCrt (or caCrtFile), put ca.crt into the Secret, or write trustDistribution.enabled: false",
		"nodes are to trust the CA in Secret %s, which has no %s", r.state.secret, caKey)
}

// hasCA says whether the effective Secret holds a CA, and whether that is known.
func (r *render) hasCA() (has, known bool, err error) {
	if r.state.certManager {
		return true, true, nil // cert-manager writes it
	}
	o, err := r.named("Secret", r.state.secret)
	if err != nil || o == nil {
		return false, false, err
	}
	return len(secretData(o)[caKey]) > 0, true, nil
}

// checkTrust makes sure that the DaemonSet takes its CA from the effective source,
// and that it is a CA.
func (r *render) checkTrust(trust *resource.Object) error {
	allowed, err := r.caSecrets()
	if err != nil {
		return err
	}
	allowed = append(allowed, r.state.secret)
	found := false
	for _, ref := range secretRefs(podSpec(trust.Node())) {
		if !slices.Contains(allowed, ref.name()) {
			continue
		}
		found = true
		if ref.name() == r.state.secret && slices.Contains(ref.keys(), crtKey) {
			if err := r.checkLeafAsCA(trust, ref); err != nil {
				return err
			}
		}
	}
	if found || r.registry.secret == r.state.secret && r.material == nil {
		return nil
	}
	return problemWith(codes.CANotTaken, trust, "spec.template.spec.volumes",
		"write trustDistribution.enabled: false and distribute the CA yourself, or set the certificate by chart values",
		"it takes no CA from a Secret, so it cannot be told to hand out the one of Secret %s", r.state.secret)
}

// checkLeafAsCA is about charts that hand tls.crt to the nodes where no CA was
// given: right for a self-signed certificate, and for no other.
func (r *render) checkLeafAsCA(trust *resource.Object, ref secretRef) error {
	has, known, err := r.hasCA()
	switch {
	case err != nil || !known:
		return err
	case has:
		ref.take(caKey)
		r.changed(trust, "%s takes %s of Secret %s", ref.where, caKey, r.state.secret)
	case r.material != nil && len(r.materialCA) == 0:
		return problemWith(codes.CAMissing, trust, ref.where, "give spec.tls.caCrt (or caCrtFile), or write trustDistribution.enabled: false",
			"nodes are to trust %s of Secret %s, which is no CA", crtKey, r.state.secret)
	}
	return nil
}
