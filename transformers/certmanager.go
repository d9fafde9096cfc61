package transformers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/cmapi"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// certManager removes the bundled cert-manager, makes sure of an Issuer chain and a
// Certificate for the registry, or removes these.
func certManager(r *render) error {
	r.removeBundle()
	if r.decided.Concerned {
		if err := r.ensureCertificate(); err != nil {
			return err
		}
	}
	r.removeDecided(decision.Issuance)
	r.warnOfKeptCertificate()
	return nil
}

// removeBundle removes the bundled cert-manager whole.
func (r *render) removeBundle() {
	removed := r.removeDecided(decision.Bundle)
	if len(removed) == 0 {
		r.warnOfOtherCertManager()
		return
	}
	isHook := func(o *resource.Object) bool { return o.Annotations()[registry.HookAnnotation] != "" }
	if !slices.ContainsFunc(removed, isHook) {
		// Helm 3 passes no hooks to post-renderers and appends them unpatched.
		r.warn(codes.HooksUnpatched, nil, "the bundled cert-manager's startupapicheck hooks are not in the stream; if the chart renders them, they run and fail: set the chart value cert-manager.install=false (or cert-manager.startupapicheck.enabled=false), or use --no-hooks")
	}
}

// warnOfOtherCertManager names the cert-manager that runs in the release's namespace and
// stays, because the evidence says that it is not the chart's.
func (r *render) warnOfOtherCertManager() {
	if cm := r.spec.CertManager; cm == nil || cm.Install == nil || *cm.Install {
		return
	}
	for _, e := range r.registry.Candidates[registry.CertManager] {
		if r.registry.Release.SameNamespace(e.Object.Namespace) {
			r.warn(codes.KeptUnproved, e.Object, "kept, because no evidence proves that it is the chart's (%s); if it is, write %s", e, registry.Override(registry.CertManager, e.Object))
		}
	}
}

// warnOfKeptCertificate names the Certificate that wrote the registry's former Secret
// and stays, because nothing proves that it is the chart's.
func (r *render) warnOfKeptCertificate() {
	o := r.registry.Certificate
	if o == nil || r.decided.CertManager || !r.decided.TLSStated || r.decided.IsGone(o) || text(o.Node(), "spec", "secretName") == r.decided.Secret {
		return
	}
	r.warn(codes.KeptUnproved, o, "kept, because no evidence proves that it is the chart's (%s); to remove it, write %s",
		r.registry.EvidenceOf(o), registry.Override(registry.Certificate, o))
}

// certificateConcerned reports whether anything is stated that the Certificate must
// show.
func (r *render) certificateConcerned(d decision.Decision) bool {
	cm := r.spec.CertManager
	return d.CertManager && (d.TLSStated || r.spec.RegistryLoginServer != nil ||
		r.spec.Service != nil && r.spec.Service.ClusterIP != nil || describesCertificate(cm))
}

// describesCertificate says whether anything is stated of what the Certificate is like.
func describesCertificate(cm *scenario.CertManager) bool {
	return cm != nil && (cm.IssuerRef != nil || cm.Duration != nil || cm.RenewBefore != nil || cm.PrivateKey != nil ||
		len(cm.DNSNames) > 0 || len(cm.IPAddresses) > 0)
}

// ensureCertificate adopts the chart's Certificate or adds one.
func (r *render) ensureCertificate() error {
	certificate := r.registry.Certificate
	if certificate == nil {
		var err error
		if certificate, err = r.addCertificate(); err != nil {
			return err
		}
	}
	r.certificate = certificate
	r.cover(certificate)
	if err := r.applySettings(certificate); err != nil {
		return err
	}
	r.applyIssuer(certificate)
	return nil
}

// Names of what we add. <release>-ca-cert is the documented name of the CA's Secret.
func (r *render) caName() string   { return derivedName(r.registry.Release.Name, "-ca-cert") }
func (r *render) leafName() string { return derivedName(r.registry.Release.Name, "-tls-cert") }

// addCertificate adds a Certificate, and the CA that signs it unless an issuer is
// given: a self-signed Issuer, a CA Certificate, and the Issuer that uses it.
func (r *render) addCertificate() (*resource.Object, error) {
	names := []string{r.leafName(), r.caName()}
	for _, name := range names {
		if taken, err := r.named("Certificate", name); err != nil {
			return nil, err
		} else if taken != nil {
			return nil, problemWith(codes.CertificateOfAnother, taken, "spec.secretName", "say that it is the registry's with spec.targets.certificate, or rename it",
				"the registry does not mount %s, and its name is wanted for the registry's certificate", text(taken.Node(), "spec", "secretName"))
		}
	}
	issuer := cmapi.IssuerReference{Name: derivedName(r.registry.Release.Name, "-ca-issuer"), Kind: "Issuer", Group: registry.CertManagerGroup}
	if cm := r.spec.CertManager; cm == nil || cm.IssuerRef == nil {
		r.addChain(issuer)
	}
	leaf := &cmapi.Certificate{Spec: cmapi.CertificateSpec{
		SecretName: r.leafName(),
		Usages:     []string{cmapi.UsageDigitalSignature, cmapi.UsageKeyEncipherment, cmapi.UsageServerAuth},
		IssuerRef:  issuer,
	}}
	return r.add(certManagerObject("Certificate", r.leafName(), leaf), "the registry's certificate, in Secret %s", r.leafName()), nil
}

// caDuration is ten years.
const caDuration = 10 * 365 * 24 * time.Hour

func (r *render) addChain(issuer cmapi.IssuerReference) {
	selfSigned := derivedName(r.registry.Release.Name, "-selfsigned-issuer")
	r.add(certManagerObject("Issuer", selfSigned, &cmapi.Issuer{Spec: cmapi.IssuerSpec{
		SelfSigned: &cmapi.SelfSignedIssuer{},
	}}), "it signs the registry's CA")
	r.add(certManagerObject("Certificate", r.caName(), &cmapi.Certificate{Spec: cmapi.CertificateSpec{
		IsCA:       true,
		CommonName: shortened(r.registry.Release.Name, "-ca-cert", longestCommonName),
		SecretName: r.caName(),
		// Nodes trust the CA itself: it must outlive what it signs, and keep its key.
		Duration:   caDuration.String(),
		PrivateKey: &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: cmapi.RotationPolicyNever},
		IssuerRef:  cmapi.IssuerReference{Name: selfSigned, Kind: "Issuer", Group: registry.CertManagerGroup},
	}}), "the registry's CA, in Secret %s", r.caName())
	r.add(certManagerObject("Issuer", issuer.Name, &cmapi.Issuer{Spec: cmapi.IssuerSpec{
		CA: &cmapi.CAIssuer{SecretName: r.caName()},
	}}), "it signs with the registry's CA")
}

// certManagerObject is a typed object as a node, without the fields that only a
// server fills in.
func certManagerObject(kind, name string, typed any) *yaml.RNode {
	encoded, err := k8syaml.Marshal(typed)
	if err != nil {
		panic(fmt.Sprintf("encoding a %s of cert-manager's API: %v", kind, err)) // its types always encode
	}
	spec := lookup(yaml.MustParse(string(encoded)), "spec")
	n := mapping()
	putText(n, cmapi.APIVersion, "apiVersion")
	putText(n, kind, "kind")
	putText(n, name, "metadata", "name")
	put(n, spec.YNode(), "spec")
	return n
}

// cover makes the certificate hold every name and address that the registry is reached
// by.
func (r *render) cover(o *resource.Object) {
	if ip := r.clusterIP(); ip != "" {
		r.replaceAddress(o, ip)
	} else {
		r.warn(codes.NoClusterIP, r.decided.Service, "it has no clusterIP, so the certificate cannot hold it: clients that pull by address will not trust the registry; state service.clusterIP")
	}
	r.addMissing(o, "dnsNames", r.decided.DNSNames, coversName)
	r.addMissing(o, "ipAddresses", r.decided.IPAddresses, sameIP)
}

func isIP(s string) bool { return sameIP(s, s) }

// coversName says whether a SAN stands for a DNS name: a wildcard does for one label.
func coversName(san, name string) bool {
	if rest, wildcard := strings.CutPrefix(san, "*."); wildcard {
		_, parent, found := strings.Cut(name, ".")
		return found && strings.EqualFold(parent, rest)
	}
	return strings.EqualFold(san, name)
}

// replaceAddress makes the certificate follow the Service, whose former address
// may be another's tomorrow.
func (r *render) replaceAddress(o *resource.Object, ip string) {
	for _, san := range elements(o.Node(), "spec", "ipAddresses") {
		if sameIP(san.YNode().Value, r.formerIP) {
			san.YNode().Value = ip
			r.changed(o, "ipAddresses hold %s instead of %s", ip, r.formerIP)
		}
	}
}

func (r *render) addMissing(o *resource.Object, field string, wanted []string, covers func(san, want string) bool) {
	var missing []string
	for _, want := range wanted {
		has := func(san *yaml.RNode) bool { return covers(san.YNode().Value, want) }
		if slices.ContainsFunc(elements(o.Node(), "spec", field), has) {
			continue
		}
		appendTo(o.Node(), yaml.NewStringRNode(want).YNode(), "spec", field)
		missing = append(missing, want)
	}
	if len(missing) > 0 {
		r.changed(o, "%s hold %s", field, strings.Join(missing, ", "))
	}
}

// applySettings sets what the scenario states about the certificate itself.
func (r *render) applySettings(o *resource.Object) error {
	cm := r.spec.CertManager
	if cm == nil {
		return nil
	}
	for _, d := range []struct {
		field string
		value *string
	}{{"duration", cm.Duration}, {"renewBefore", cm.RenewBefore}} {
		if d.value == nil || sameDuration(text(o.Node(), "spec", d.field), *d.value) {
			continue
		}
		putText(o.Node(), *d.value, "spec", d.field)
		r.changed(o, "set %s %s", d.field, *d.value)
	}
	if cm.RenewBefore != nil {
		drop(o.Node(), "spec", "renewBeforePercentage") // cert-manager refuses the two together
	}
	if cm.PrivateKey == nil {
		return nil
	}
	if version := strings.TrimPrefix(o.APIVersion, registry.CertManagerGroup+"/"); version == "v1alpha2" || version == "v1alpha3" {
		return problemWith(codes.OldCertificate, o, "apiVersion", "have the chart render "+cmapi.APIVersion+", or leave spec.certManager.privateKey out",
			"expected %s, got %s, which has no spec.privateKey.algorithm", cmapi.APIVersion, o.APIVersion)
	}
	r.applyPrivateKey(o, cm.PrivateKey)
	return nil
}

func (r *render) applyPrivateKey(o *resource.Object, key *scenario.PrivateKey) {
	set := func(changed bool, field, value string) {
		if changed {
			r.changed(o, "set privateKey.%s %s", field, value)
		}
	}
	if key.Algorithm != nil && text(o.Node(), "spec", "privateKey", "algorithm") != *key.Algorithm {
		drop(o.Node(), "spec", "privateKey", "size") // a size means nothing to another algorithm
		set(putText(o.Node(), *key.Algorithm, "spec", "privateKey", "algorithm"), "algorithm", *key.Algorithm)
	}
	if key.Size != nil {
		size := strconv.Itoa(*key.Size)
		set(putScalar(o.Node(), size, "spec", "privateKey", "size"), "size", size)
	}
	if key.RotationPolicy != nil {
		set(putText(o.Node(), *key.RotationPolicy, "spec", "privateKey", "rotationPolicy"), "rotationPolicy", *key.RotationPolicy)
	}
}

func sameDuration(a, b string) bool {
	x, errX := time.ParseDuration(a)
	y, errY := time.ParseDuration(b)
	return errX == nil && errY == nil && x == y
}

// issuer returns the stated issuerRef with its defaults, nil if none is stated.
func (r *render) issuer() *scenario.IssuerRef {
	cm := r.spec.CertManager
	if cm == nil || cm.IssuerRef == nil {
		return nil
	}
	want := *cm.IssuerRef
	want.Kind = orElse(want.Kind, scenario.DefaultIssuerKind)
	want.Group = orElse(want.Group, scenario.DefaultIssuerGroup)
	return &want
}

// issuerChanges reports whether another issuer is stated than a Certificate has.
func (r *render) issuerChanges(o *resource.Object) bool {
	want, ref := r.issuer(), lookup(o.Node(), "spec", "issuerRef")
	return want != nil && (text(ref, "name") != want.Name || orElse(text(ref, "kind"), "Issuer") != want.Kind ||
		orElse(text(ref, "group"), registry.CertManagerGroup) != want.Group)
}

// applyIssuer points the certificate at the stated issuer.
func (r *render) applyIssuer(o *resource.Object) {
	if !r.issuerChanges(o) {
		return
	}
	want := r.issuer()
	putText(o.Node(), want.Name, "spec", "issuerRef", "name")
	putText(o.Node(), want.Kind, "spec", "issuerRef", "kind")
	putText(o.Node(), want.Group, "spec", "issuerRef", "group")
	r.changed(o, "signed by %s %s", want.Kind, want.Name)
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
