package transformers

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"

	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/registry"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/keypair"
	"github.com/connected-registry/scenario/transformers/resource"
)

// The type and keys of a TLS Secret. Source: Kubernetes' Secret documentation;
// ca.crt is cert-manager's addition, which the connected registry's takes over.
const (
	tlsSecretType = "kubernetes.io/tls"
	crtKey        = "tls.crt"
	keyKey        = "tls.key"
	caKey         = "ca.crt"
)

// encodedPEM is how "-----BEGIN " begins in base64.
var encodedPEM = []byte("LS0tLS1CRUdJTi")

// tlsSecret settles which Secret the registry serves from when the scenario
// brings its own: a Secret that is named, or one that it renders.
func tlsSecret(r *render) error {
	tls := r.spec.TLS
	switch {
	case tls == nil && !r.decided.TLSStated:
		return r.checkRenderedSecret()
	case tls != nil && tls.Secret == nil:
		return r.ensureSecret(tls)
	case tls != nil:
		if err := r.checkNamedSecret(*tls.Secret); err != nil {
			return err
		}
	}
	r.removeDecided(decision.OwnSecret)
	return nil
}

// wantedSANs is what a certificate must hold. A Service whose address the cluster
// chooses cannot be held against it.
func (r *render) wantedSANs() (keypair.Want, error) {
	want := keypair.Want{Now: r.options.Now}
	if _, err := r.service(); err != nil {
		return want, err
	}
	if ip, err := netip.ParseAddr(r.clusterIP()); err == nil {
		want.IPs = append(want.IPs, ip)
	}
	if host := r.loginServer(); isIP(host) {
		want.IPs = append(want.IPs, netip.MustParseAddr(host))
	} else if host != "" {
		want.DNSNames = append(want.DNSNames, host)
	}
	return want, nil
}

// checkRenderedSecret holds a Secret that the chart rendered against an address or
// a login server that the scenario states.
func (r *render) checkRenderedSecret() error {
	states := r.spec.RegistryLoginServer != nil || r.spec.Service != nil && r.spec.Service.ClusterIP != nil
	if !states || r.decided.CertManager || r.decided.Secret == "" {
		return nil
	}
	return r.checkNamedSecret(r.decided.Secret)
}

// ensureSecret renders the scenario's certificate and key as a TLS Secret: into
// the one that the registry mounts already, where that is in the stream, else
// into one of our own.
func (r *render) ensureSecret(tls *scenario.TLS) error {
	material := tls.Material()
	if material == nil {
		return r.scenario.At(codes.FileUnreadable, "spec.tls", "the certificate and key were not read", "give crt and key, or crtFile and keyFile")
	}
	want, err := r.wantedSANs()
	if err != nil {
		return err
	}
	fields := keypair.Fields{Crt: field.NewPath("spec", "tls", "crt"), Key: field.NewPath("spec", "tls", "key"), CA: field.NewPath("spec", "tls", "caCrt")}
	if tls.CrtFile != nil {
		fields = keypair.Fields{Crt: field.NewPath("spec", "tls", "crtFile"), Key: field.NewPath("spec", "tls", "keyFile"), CA: field.NewPath("spec", "tls", "caCrtFile")}
	}
	info, problems := keypair.Check(*material, fields, want)
	if len(problems) > 0 {
		return r.scenario.Translate(problems)
	}
	if len(want.IPs) == 0 {
		r.warn(codes.NoClusterIP, r.registry.Service, "it has no clusterIP, so the certificate could not be checked for the address that clients will use; state service.clusterIP")
	}
	for _, w := range info.Warnings {
		r.warn(w.Code, nil, "%s", w.Message)
	}
	r.material, r.materialCA = material, info.CA

	target, err := r.secretToWrite()
	if err != nil {
		return err
	}
	data := map[string][]byte{crtKey: material.Crt, keyKey: material.Key, caKey: material.CaCrt}
	if target == nil {
		if len(data[caKey]) == 0 {
			data[caKey] = info.CA // a self-signed certificate is its own CA
		}
		r.addSecret(data)
		return nil
	}
	if registry.IsAdded(target) && len(data[caKey]) == 0 {
		data[caKey] = info.CA
	}
	r.writeSecret(target, data)
	return nil
}

// secretToWrite returns the TLS Secret in the stream that the registry mounts, or
// the one that an earlier run added; nil for none.
func (r *render) secretToWrite() (*resource.Object, error) {
	if mounted := r.registry.Secret; mounted != "" {
		o, err := r.named("Secret", mounted)
		if err != nil || o != nil && r.registry.Release.Owns(o) && text(o.Node(), "type") == tlsSecretType {
			return o, err
		}
	}
	ours, err := r.ourSecrets()
	if err != nil || len(ours) == 0 {
		return nil, err
	}
	return ours[0], nil
}

func (r *render) ourSecrets() ([]*resource.Object, error) {
	secrets, err := r.set.Select([]string{"Secret"}, registry.AddedByAnnotation)
	return slices.DeleteFunc(secrets, func(o *resource.Object) bool {
		return !registry.IsAdded(o) || !r.registry.Release.Owns(o)
	}), err
}

// addSecret adds the Secret under the decided name.
func (r *render) addSecret(data map[string][]byte) {
	n := yaml.MustParse("apiVersion: v1\nkind: Secret\n")
	putText(n, r.decided.Secret, "metadata", "name")
	putText(n, tlsSecretType, "type")
	for _, key := range []string{caKey, crtKey, keyKey} {
		if len(data[key]) > 0 {
			putText(n, base64.StdEncoding.EncodeToString(data[key]), "data", key)
		}
	}
	r.add(n, "the scenario's certificate")
}

// writeSecret brings a Secret's data in step, and touches nothing that holds the
// same bytes already.
func (r *render) writeSecret(o *resource.Object, data map[string][]byte) {
	have := secretData(o)
	for _, key := range []string{crtKey, keyKey, caKey} {
		if bytes.Equal(have[key], data[key]) {
			continue
		}
		drop(o.Node(), "stringData", key)
		if len(data[key]) == 0 {
			drop(o.Node(), "data", key)
			r.changed(o, "took %s out", key)
			continue
		}
		putText(o.Node(), base64.StdEncoding.EncodeToString(data[key]), "data", key)
		r.changed(o, "set %s to the scenario's", key)
	}
	dropEmpty(o.Node(), "stringData")
}

// secretData is what a container would see: stringData wins over data (Kubernetes'
// Secret documentation). Data that is not base64 is left out.
func secretData(o *resource.Object) map[string][]byte {
	data := map[string][]byte{}
	for key, value := range stringMap(o.Node(), "data") {
		if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
			data[key] = decoded
		}
	}
	for key, value := range stringMap(o.Node(), "stringData") {
		data[key] = []byte(value)
	}
	return data
}

// checkNamedSecret holds a Secret that is in the stream to the same rules as a
// scenario's own certificate. One that is not is the cluster's, and not ours to see.
func (r *render) checkNamedSecret(name string) error {
	o, err := r.named("Secret", name)
	if err != nil {
		return err
	}
	if o == nil {
		return r.warnOfNamesake(name)
	}
	if err := checkSecretType(o); err != nil {
		return err
	}
	data := secretData(o)
	var problems []error
	for _, key := range []string{crtKey, keyKey} {
		if len(data[key]) == 0 {
			problems = append(problems, problemWith(codes.SecretKey, o, "data["+key+"]", "put the PEM there in base64", "it is missing, empty or not base64"))
		}
	}
	for _, key := range []string{crtKey, keyKey, caKey} {
		if bytes.HasPrefix(data[key], encodedPEM) {
			problems = append(problems, problemWith(codes.Base64Twice, o, "data["+key+"]", "encode the PEM once, or put it under stringData as it is",
				"it is PEM encoded in base64 twice"))
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	want, err := r.wantedSANs()
	if err != nil {
		return err
	}
	path := field.NewPath("data")
	info, found := keypair.Check(scenario.Material{Crt: data[crtKey], Key: data[keyKey], CaCrt: data[caKey]},
		keypair.Fields{Crt: path.Key(crtKey), Key: path.Key(keyKey), CA: path.Key(caKey)}, want)
	for _, w := range info.Warnings {
		r.warn(w.Code, o, "%s", w.Message)
	}
	for _, e := range r.scenario.Translate(found) {
		problems = append(problems, problemWith(e.Code, o, e.Path, e.Fix, "%s", e.Message))
	}
	return errors.Join(problems...)
}

func checkSecretType(o *resource.Object) error {
	if misplaced := text(o.Node(), "metadata", "type"); misplaced != "" {
		return problemWith(codes.SecretType, o, "metadata.type", "move type: "+tlsSecretType+" to the top level of the Secret",
			"a Secret's type does not belong under metadata, where the API server refuses it")
	}
	if found := orElse(text(o.Node(), "type"), "Opaque"); found != tlsSecretType {
		return problemWith(codes.SecretType, o, "type", "write type: "+tlsSecretType, "found %s, expected %s", found, tlsSecretType)
	}
	return nil
}

// warnOfNamesake is about a Secret that is in the stream by its name only. Another
// application may well have one of that name, so it is no error.
func (r *render) warnOfNamesake(name string) error {
	secrets, err := r.set.Select([]string{"Secret"}, name)
	for _, o := range secrets {
		if o.Name == name {
			r.warn(codes.SecretNamespace, o, "it is in namespace %s, and the registry mounts the one in %s; write metadata.namespace: %s if it is meant",
				o.Namespace, r.registry.Release.Namespace, r.registry.Release.Namespace)
		}
	}
	return err
}
