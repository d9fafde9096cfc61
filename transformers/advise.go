package transformers

import (
	"errors"

	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// defaultRequest is what the chart's claim asks for where nobody says otherwise.
// Source: the documentation of pvc.storageRequest.
const defaultRequest = "500Gi"

// advise notes what neither the scenario nor the render can make hold, because it is
// the cluster's or somebody else's: what deployments of the chart are known to fail
// for. It changes nothing.
func (r *render) advise() error {
	if !r.options.Advise {
		return nil
	}
	for _, about := range []func() error{r.adviseOnCertManager, r.adviseOnHTTP, r.adviseOnStorage, r.adviseOnSecret, r.adviseOnConnection} {
		if err := about(); err != nil {
			return err
		}
	}
	return nil
}

func (r *render) note(code codes.Code, o *resource.Object, format string, args ...any) {
	r.report.Notes = append(r.report.Notes, Note(r.attention(code, o, format, args...)))
}

// adviseOnCertManager asks for the cluster's cert-manager, where one is needed and
// the result does not bring its CRDs along.
func (r *render) adviseOnCertManager() error {
	if !r.decided.CertManager {
		return nil
	}
	crds, err := r.set.Heads([]string{"CustomResourceDefinition"}, registry.CertManagerGroup)
	if err != nil {
		return err
	}
	for _, o := range crds {
		if o.Name == "certificates."+registry.CertManagerGroup {
			return nil
		}
	}
	r.note(codes.CertManagerNeeded, r.issued(), "cert-manager is to issue it, and the result does not bring its CRDs along: the cluster must have cert-manager, or the pod waits for its Secret")
	return nil
}

// issued returns the Certificate that writes the effective Secret.
func (r *render) issued() *resource.Object {
	if r.certificate != nil {
		return r.certificate
	}
	return r.registry.Certificate
}

func (r *render) adviseOnHTTP() error {
	if !r.decided.HTTP {
		return nil
	}
	address := r.clusterIP()
	if address == "" {
		address = "ADDRESS"
	}
	r.note(codes.InsecureRegistry, r.registry.Service, "nodes speak HTTPS to it until their container runtime is told otherwise: for containerd write server = \"http://%s:80\" into /etc/containerd/certs.d/%s:80/hosts.toml, for k3s a mirror for %s:80 into /etc/rancher/k3s/registries.yaml", address, address, address)
	return nil
}

func (r *render) adviseOnStorage() error {
	o, claim, err := r.claim()
	if _, absent := errors.AsType[codes.Coded](err); absent {
		return nil // whoever states something of the claim is told
	}
	if err != nil {
		return err
	}
	request := text(claim, "resources", "requests", "storage")
	if sameQuantity(request, defaultRequest) && text(claim, "storageClassName") == "" {
		r.note(codes.DefaultStorage, o, "asks for %s of the cluster's default storage class: without one, or without the room, it stays Pending; state pvc.storageClassName and pvc.storageRequest", request)
	}
	return nil
}

// adviseOnSecret looks at where the Secret that the scenario names will be.
func (r *render) adviseOnSecret() error {
	if tls := r.spec.TLS; tls == nil || tls.Secret == nil || r.registry.Release.Namespace == "" {
		return nil
	}
	o, err := r.named("Secret", r.decided.Secret)
	if err == nil && o != nil && o.Namespace == "" && r.registry.Workload.Namespace != "" {
		r.note(codes.SecretNamespace, o, "states no namespace, and the registry mounts it in %s; write metadata.namespace: %s", r.registry.Release.Namespace, r.registry.Release.Namespace)
	}
	return err
}

// adviseOnConnection judges the connection string that the chart rendered. It may be
// any text where the real one is given elsewhere, so nothing of this is an error.
func (r *render) adviseOnConnection() error {
	if r.scenario.ConnectionString() != nil {
		return nil
	}
	o, value, err := r.renderedConnection()
	if err != nil || value == "" {
		return err
	}
	_, bad := scenario.ParseConnectionString(value)
	if e, ok := errors.AsType[scenario.Error](bad); ok { // the first says enough of any text
		r.note(e.Code, o, "%s: %s; %s", registry.ConnectionEnv, e.Message, e.Fix)
	}
	return nil
}

// renderedConnection is the connection string that the registry's container finds,
// and the object that holds it; empty where the render does not say.
func (r *render) renderedConnection() (*resource.Object, string, error) {
	env := registry.Variable(r.registry.Container, registry.ConnectionEnv)
	if value := text(env, "value"); value != "" {
		return r.registry.Workload, value, nil
	}
	ref := lookup(env, "valueFrom", "secretKeyRef")
	if ref.IsNil() {
		return nil, "", nil
	}
	o, err := r.named("Secret", text(ref, "name"))
	if err != nil || o == nil {
		return nil, "", err
	}
	return o, string(secretData(o)[text(ref, "key")]), nil
}
