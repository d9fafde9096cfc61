package transformers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

// decide settles what must hold on the result, from the scenario and the recognized
// manifests, and reports every contradiction between the two. It changes nothing, and
// no other code settles any of it.
func (r *render) decide() error {
	d := r.decideState()
	if err := errors.Join(r.contradictions(d)...); err != nil {
		return err
	}
	if err := r.decideGone(&d); err != nil {
		return err
	}
	if err := r.decideSecret(&d); err != nil {
		return err
	}
	if err := r.decideCA(&d); err != nil {
		return err
	}
	if o, _, err := r.claim(); err == nil {
		d.Claim = o // storage reports the error if it needs the claim
	}
	if err := r.decideSANs(&d); err != nil {
		return err
	}
	r.decided = d
	return nil
}

// decideState settles what each setting is: as stated, otherwise as rendered.
func (r *render) decideState() decision.Decision {
	spec, reg := r.spec, r.registry
	cm, trust := spec.CertManager, spec.TrustDistribution
	var cmEnabled, cmInstall, trustEnabled *bool
	if cm != nil {
		cmEnabled, cmInstall = cm.Enabled, cm.Install
	}
	if trust != nil {
		trustEnabled = trust.Enabled
	}
	tls := spec.TLS != nil

	// A stated TLS source says what it replaces: HTTP, and cert-manager's
	// Certificate. Stated HTTP does the same the other way round.
	d := decision.Decision{
		Spec: spec, Scenario: r.scenario.Scenario.Metadata.Name, Digest: r.scenario.Digest(r.options.Version),
		Workload: reg.Workload, Container: text(reg.Container, "name"), CertificatePath: reg.CertificatePath,
		Service: reg.Service, FormerPorts: portsOf(reg.Service),
		Release: reg.Release.Name, Instance: reg.Release.Instance, Namespace: reg.Release.Namespace,
		HTTP:         stated(spec.HTTPEnabled, reg.HTTP && !tls && !isTrue(cmEnabled)),
		CertManager:  stated(cmEnabled, reg.Certificate != nil && !tls && !isTrue(spec.HTTPEnabled)),
		Install:      stated(cmInstall, len(reg.Bundle) > 0),
		Enforced:     r.enforced(),
		Proxy:        proxyContainer,
		Chain:        reg.Chain,
		IssuerStated: r.issuer() != nil,
		TLSStated:    tls || cmEnabled != nil || spec.HTTPEnabled != nil,
		NoTrust:      trustEnabled != nil && !*trustEnabled,
	}
	if !d.NoTrust {
		d.Trust = reg.Trust
	}
	d.NoProxy = !d.Enforced && reg.Proxied
	if c := r.scenario.ConnectionString(); c != nil {
		d.ConnectionString = c.Reveal()
	}
	return d
}

// decideGone settles which objects are removed because the scenario says so. What only
// they referred to is prune's.
func (r *render) decideGone(d *decision.Decision) error {
	if err := r.decideBundle(d); err != nil {
		return err
	}
	if err := r.decideIssuance(d); err != nil {
		return err
	}
	if tls := r.spec.TLS; d.TLSStated && (tls == nil || tls.Secret != nil) {
		ours, err := r.ourSecrets()
		if err != nil {
			return err
		}
		for _, o := range ours {
			d.Gone = append(d.Gone, decision.Removal{Object: o, Part: decision.OwnSecret, Reason: "the registry's certificate comes from elsewhere"})
			d.Vacated = append(d.Vacated, o.Name)
		}
	}
	if d.NoTrust {
		if err := r.registry.Ambiguous[registry.TrustDistribution]; err != nil {
			return err
		}
		if r.registry.Trust != nil {
			d.Gone = append(d.Gone, decision.Removal{Object: r.registry.Trust, Part: decision.TrustDistribution, Reason: "trust is distributed by other means"})
		}
	}
	return nil
}

func (r *render) decideBundle(d *decision.Decision) error {
	if cm := r.spec.CertManager; cm == nil || cm.Install == nil || *cm.Install {
		return nil
	}
	if err := r.registry.Ambiguous[registry.CertManager]; err != nil {
		return err
	}
	reason := "certManager.install is false"
	if d.CertManager {
		reason = "the cluster's cert-manager takes its place"
	}
	for _, e := range r.registry.Bundle {
		d.Gone = append(d.Gone, decision.Removal{Object: e.Object, Part: decision.Bundle, Reason: reason})
		d.Bundle = append(d.Bundle, e.Object)
	}
	return nil
}

// decideIssuance settles which Certificates and Issuers are removed: the registry's own
// if its certificate comes from elsewhere, and those that then issue nothing.
func (r *render) decideIssuance(d *decision.Decision) error {
	certificate := r.registry.Certificate
	isDisabled := !d.CertManager && d.TLSStated
	if isDisabled || r.certificateConcerned(*d) {
		if err := r.registry.Ambiguous[registry.Certificate]; err != nil {
			return err
		}
	}
	switch {
	case certificate == nil && isDisabled:
		return r.decideRest(d)
	case certificate == nil:
		return nil
	case isDisabled:
		if !r.isOwn(certificate) {
			return nil // certManager says so; a user's own Certificate stays
		}
		if tls := r.spec.TLS; tls != nil && tls.Secret != nil && *tls.Secret == r.registry.Secret {
			return r.scenario.At(codes.CertificateOfAnother, "spec.tls.secret",
				fmt.Sprintf("%s writes this Secret, and with certManager disabled nothing would", certificate),
				"name another Secret, or write certManager.enabled: true instead of tls")
		}
		d.Gone = append(d.Gone, decision.Removal{Object: certificate, Part: decision.Issuance, Reason: "the registry's certificate comes from elsewhere"})
		d.Vacated = append(d.Vacated, text(certificate.Node(), "spec", "secretName"))
	case !d.CertManager || !r.certificateConcerned(*d) || !r.issuerChanges(certificate):
		return nil
	}
	return r.decideChain(d, certificate)
}

// decideRest removes the chart's own Certificates and Issuers that the registry does not
// use: those of its chart, by template or label, that nothing else uses.
func (r *render) decideRest(d *decision.Decision) error {
	kinds := append([]string{"Certificate"}, registry.IssuerKinds...)
	objects, err := r.set.Select(kinds, registry.CertManagerGroup)
	if err != nil {
		return err
	}
	isRest := func(o *resource.Object) bool {
		return registry.IsCertManager(o, kinds...) && !r.registry.InBundle(o) && r.registry.Release.IsOfChart(o) && text(o.Node(), "spec", "secretName") != d.Secret
	}
	for _, o := range slices.DeleteFunc(objects, func(o *resource.Object) bool { return !isRest(o) }) {
		isUsed, err := r.isUsed(o, func(user *resource.Object) bool { return isRest(user) || d.IsGone(user) })
		if err != nil {
			return err
		}
		if !isUsed {
			d.Gone = append(d.Gone, decision.Removal{Object: o, Part: decision.Issuance, Reason: "the registry's certificate comes from elsewhere"})
			if o.Kind == "Certificate" {
				d.Vacated = append(d.Vacated, text(o.Node(), "spec", "secretName"))
			}
		}
	}
	return nil
}

// isOwn reports whether the evidence proves an object of cert-manager's kinds to be the
// release's.
func (r *render) isOwn(o *resource.Object) bool { return r.registry.EvidenceOf(o).Owned() }

// decideChain removes what issued the registry's certificate, from the nearest on, up to
// the first link that something else uses.
func (r *render) decideChain(d *decision.Decision, certificate *resource.Object) error {
	for _, o := range r.registry.Chain {
		if !r.isOwn(o) {
			return nil
		}
		isUsed, err := r.isUsed(o, func(user *resource.Object) bool { return user == certificate || d.IsGone(user) })
		if err != nil || isUsed {
			return err
		}
		reason := "no certificate refers to it"
		if o.Kind == "Certificate" {
			reason = "nothing is signed with this CA"
			d.Vacated = append(d.Vacated, text(o.Node(), "spec", "secretName"))
		}
		d.Gone = append(d.Gone, decision.Removal{Object: o, Part: decision.Issuance, Reason: reason})
	}
	return nil
}

// isUsed reports whether anything in the stream, except the ignored, needs a link of
// the chain: an Issuer is needed by the Certificates that name it and by the Ingresses
// and Gateways annotated with it, a CA Certificate by the Issuers that use its Secret.
func (r *render) isUsed(o *resource.Object, isIgnored func(*resource.Object) bool) (bool, error) {
	if o.Kind == "Certificate" {
		secret := text(o.Node(), "spec", "secretName")
		issuers, err := r.set.Select(registry.IssuerKinds, secret)
		return slices.ContainsFunc(issuers, func(i *resource.Object) bool {
			return !isIgnored(i) && text(i.Node(), "spec", "ca", "secretName") == secret && (i.Kind == "ClusterIssuer" || i.Namespace == o.Namespace)
		}), err
	}
	users, err := r.set.Select([]string{"Certificate", "Ingress", "Gateway"}, registry.Names(o)...)
	return slices.ContainsFunc(users, func(u *resource.Object) bool {
		if isIgnored(u) {
			return false
		}
		if u.Kind == "Certificate" {
			return registry.RefersToIssuer(lookup(u.Node(), "spec", "issuerRef"), u.Namespace, o)
		}
		annotation := "cert-manager.io/issuer"
		if o.Kind == "ClusterIssuer" {
			annotation = "cert-manager.io/cluster-issuer"
		}
		return registry.Named(o, u.Annotations()[annotation])
	}), err
}

// decideSANs settles every name and address that the registry's certificate must hold.
// An adopted Certificate needs only the name that the chart promises, so that a chart's
// own is left as it is.
func (r *render) decideSANs(d *decision.Decision) error {
	if d.Concerned = r.certificateConcerned(*d); !d.Concerned {
		return nil
	}
	svc, err := r.service()
	if err != nil {
		return err
	}
	namespace := orElse(r.registry.Release.Namespace, svc.Namespace)
	if namespace == "" {
		return problemWith(codes.NamespaceUnknown, svc, "metadata.namespace", "pass --namespace, or write metadata.namespace in the scenario",
			"cannot determine the Service's namespace, which the certificate's DNS names need")
	}
	d.DNSNames = []string{svc.Name + "." + namespace + ".svc.cluster.local"}
	if r.registry.Certificate == nil {
		d.DNSNames = append([]string{svc.Name, svc.Name + "." + namespace, svc.Name + "." + namespace + ".svc"}, d.DNSNames...)
	}
	if host := r.loginServer(); isIP(host) {
		d.IPAddresses = append(d.IPAddresses, host)
	} else if host != "" {
		d.DNSNames = append(d.DNSNames, host)
	}
	if ip := r.clusterIP(); ip != "" {
		d.IPAddresses = append(d.IPAddresses, ip)
	}
	if cm := r.spec.CertManager; cm != nil {
		d.DNSNames = append(d.DNSNames, cm.DNSNames...)
		d.IPAddresses = append(d.IPAddresses, cm.IPAddresses...)
	}
	return nil
}

// decideCA settles which Secrets hold the CA that issues the registry's certificate.
func (r *render) decideCA(d *decision.Decision) error {
	certificate := r.registry.Certificate
	switch {
	case !d.CertManager:
		return nil
	case certificate == nil && r.issuer() == nil:
		d.CASecrets = []string{r.caName()}
		return nil
	case certificate == nil:
		return nil
	}
	chain := r.registry.Chain
	if r.issuerChanges(certificate) {
		want, ref := r.issuer(), mapping()
		putText(ref, want.Name, "name")
		putText(ref, want.Kind, "kind")
		putText(ref, want.Group, "group")
		var err error
		if chain, err = registry.IssuingChain(r.set, certificate, ref); err != nil {
			return err
		}
	}
	for _, o := range chain {
		if o.Kind == "Certificate" {
			d.CASecrets = append(d.CASecrets, text(o.Node(), "spec", "secretName"))
		}
	}
	return nil
}

// decideSecret settles which Secret the registry serves from.
func (r *render) decideSecret(d *decision.Decision) error {
	tls := r.spec.TLS
	d.Secret = r.registry.Secret
	switch {
	case d.HTTP && d.TLSStated:
		d.Secret = ""
	case d.CertManager && r.certificateConcerned(*d):
		d.Secret = r.leafName()
		if r.registry.Certificate != nil {
			d.Secret = text(r.registry.Certificate.Node(), "spec", "secretName")
		}
	case tls == nil:
	case tls.Secret != nil:
		d.Secret = *tls.Secret
	default:
		target, err := r.secretToWrite()
		if err != nil {
			return err
		}
		if target != nil {
			d.Secret = target.Name
			return nil
		}
		return r.decideFreeName(d)
	}
	return nil
}

// decideFreeName chooses a name for the Secret that is added: neither of an object in
// the stream, nor of what a removed Certificate has left behind in the cluster.
func (r *render) decideFreeName(d *decision.Decision) error {
	d.Secret = derivedName(r.registry.Release.Name, "-tls")
	for n := 2; ; n++ {
		taken, err := r.named("Secret", d.Secret)
		if err != nil {
			return err
		}
		if taken == nil && d.Secret != r.registry.Secret && !slices.Contains(d.Vacated, d.Secret) {
			return nil
		}
		d.Secret = derivedName(r.registry.Release.Name, fmt.Sprintf("-tls-%d", n))
	}
}

// portsOf returns the names and numbers of a Service's ports, none for no Service.
func portsOf(service *resource.Object) []string {
	if service == nil {
		return nil
	}
	var ports []string
	for _, p := range elements(service.Node(), "spec", "ports") {
		for _, field := range []string{"name", "port"} {
			if value := text(p, field); value != "" {
				ports = append(ports, value)
			}
		}
	}
	return ports
}

func stated(value *bool, otherwise bool) bool {
	if value != nil {
		return *value
	}
	return otherwise
}

func isTrue(b *bool) bool { return b != nil && *b }

// contradictions are the rules across fields that need the render.
func (r *render) contradictions(d decision.Decision) []error {
	var install, trust *bool
	if cm := r.spec.CertManager; cm != nil {
		install = cm.Install
	}
	if stated := r.spec.TrustDistribution; stated != nil {
		trust = stated.Enabled
	}
	var found []error
	report := func(code codes.Code, path, fix, message string) {
		found = append(found, r.scenario.At(code, path, message, fix))
	}
	reg := r.registry
	if isTrue(install) && len(reg.Bundle) == 0 {
		report(codes.NoBundledCertManager, "spec.certManager.install", "render the chart with cert-manager.install=true, or write install: false",
			"the render holds no bundled cert-manager, and a patch cannot bring one")
	}
	if recorded := reg.Workload.Labels()[ModeLabel]; d.Enforced && r.spec.Mode == nil && recorded == string(scenario.ReadWriteMode) {
		report(codes.Contradiction, "spec.readOnly.enforce", "write mode: ReadOnly beside it, or enforce: false", "an earlier scenario recorded mode "+recorded)
	}
	if isTrue(trust) && reg.Trust == nil {
		if err := reg.Ambiguous[registry.TrustDistribution]; err != nil {
			found = append(found, err)
		} else {
			report(codes.NoTrustDistribution, "spec.trustDistribution.enabled", "render the chart with trustDistribution.enabled=true, or write enabled: false",
				"the render holds no trust distribution DaemonSet, and a patch cannot bring one")
		}
	}
	if d.Install && len(reg.Bundle) > 0 && !d.CertManager && (d.TLSStated || install != nil) {
		report(codes.InstallWithoutEnabled, "spec.certManager.install", "write certManager.install: false",
			"the render holds a bundled cert-manager that the registry would not use; the chart refuses cert-manager.install=true with cert-manager.enabled=false too")
	}
	if d.HTTP && (d.Trust != nil || isTrue(trust)) && d.TLSStated {
		report(codes.TrustWithoutCertificate, "spec.trustDistribution.enabled", "write trustDistribution.enabled: false",
			"with httpEnabled there is no certificate that nodes could be told to trust")
	}
	if !d.CertManager && describesCertificate(r.spec.CertManager) {
		report(codes.NoEffect, "spec.certManager", "write certManager.enabled: true", "it describes a Certificate, and the registry has none")
	}
	if !d.TLSStated {
		return found
	}
	if !d.HTTP && !d.CertManager && r.spec.TLS == nil && (reg.Secret == "" || reg.Certificate != nil) {
		report(codes.NoCertificate, r.tlsField(), "give spec.tls a secret, or crt and key, or write certManager.enabled: true",
			"nothing would provide a certificate for HTTPS")
	}
	return found
}

// tlsField is the stated field that an error about the TLS source is best shown at.
func (r *render) tlsField() string {
	if r.spec.CertManager != nil && r.spec.CertManager.Enabled != nil {
		return "spec.certManager.enabled"
	}
	return "spec.httpEnabled"
}

// clusterIP is the registry's address as it will be: as stated, else as rendered;
// empty where the cluster will choose one.
func (r *render) clusterIP() string {
	if s := r.spec.Service; s != nil && s.ClusterIP != nil {
		return *s.ClusterIP
	}
	if r.registry.Service == nil {
		return ""
	}
	if ip := text(r.registry.Service.Node(), "spec", "clusterIP"); ip != "None" {
		return ip
	}
	return ""
}

// loginServer is the host of the stated login server, else of the rendered one,
// without a port.
func (r *render) loginServer() string {
	server := r.registry.Env(registry.LoginServerEnv, "")
	if r.spec.RegistryLoginServer != nil {
		server = *r.spec.RegistryLoginServer
	}
	host, _ := scenario.SplitLoginServer(server)
	return host
}
