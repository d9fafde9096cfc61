package transformers

import (
	"errors"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

// state is what must hold on the result: as stated, else as recognised.
type state struct {
	http        bool
	certManager bool
	install     bool
	trust       bool
	// enforced says that a proxy in front of the registry lets no push through.
	enforced bool
	// tlsStated says that the scenario says something about where the
	// certificate comes from. Where it does not, nothing of TLS is touched.
	tlsStated bool
	// secret is the effective Secret: what the container must have mounted. The
	// transformers certmanager and tlssecret settle it; empty for HTTP.
	secret string
}

// effective works out the state and holds the rules that need a render against
// it, all of them at once.
func (r *render) effective() (state, error) {
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
	s := state{
		http:        stated(spec.HTTPEnabled, reg.http && !tls && !isTrue(cmEnabled)),
		certManager: stated(cmEnabled, reg.certificate != nil && !tls && !isTrue(spec.HTTPEnabled)),
		install:     stated(cmInstall, len(reg.bundle) > 0),
		trust:       stated(trustEnabled, reg.trust != nil),
		enforced:    r.enforced(),
		tlsStated:   tls || cmEnabled != nil || spec.HTTPEnabled != nil,
		secret:      reg.secret,
	}
	return s, errors.Join(r.contradictions(s, cmInstall, trustEnabled)...)
}

func stated(value *bool, otherwise bool) bool {
	if value != nil {
		return *value
	}
	return otherwise
}

func isTrue(b *bool) bool { return b != nil && *b }

// contradictions are the rules across fields that need the render.
func (r *render) contradictions(s state, install, trust *bool) []error {
	var found []error
	report := func(code codes.Code, path, fix, message string) {
		found = append(found, r.scenario.At(code, path, message, fix))
	}
	reg := r.registry
	if isTrue(install) && len(reg.bundle) == 0 {
		report(codes.NoBundledCertManager, "spec.certManager.install", "render the chart with cert-manager.install=true, or write install: false",
			"the render holds no bundled cert-manager, and a patch cannot bring one")
	}
	if recorded := reg.workload.Labels()[modeLabel]; s.enforced && r.spec.Mode == nil && recorded == string(scenario.ReadWriteMode) {
		report(codes.Contradiction, "spec.readOnly.enforce", "write mode: ReadOnly beside it, or enforce: false", "an earlier scenario recorded mode "+recorded)
	}
	if isTrue(trust) && reg.trust == nil {
		if err := reg.ambiguous["trustDistribution"]; err != nil {
			found = append(found, err)
		} else {
			report(codes.NoTrustDistribution, "spec.trustDistribution.enabled", "render the chart with trustDistribution.enabled=true, or write enabled: false",
				"the render holds no trust distribution DaemonSet, and a patch cannot bring one")
		}
	}
	if s.install && len(reg.bundle) > 0 && !s.certManager && (s.tlsStated || install != nil) {
		report(codes.InstallWithoutEnabled, "spec.certManager.install", "write certManager.install: false",
			"the render holds a bundled cert-manager that the registry would not use; the chart refuses cert-manager.install=true with cert-manager.enabled=false too")
	}
	if s.http && s.trust && s.tlsStated {
		report(codes.TrustWithoutCertificate, "spec.trustDistribution.enabled", "write trustDistribution.enabled: false",
			"with httpEnabled there is no certificate that nodes could be told to trust")
	}
	if !s.certManager && describesCertificate(r.spec.CertManager) {
		report(codes.NoEffect, "spec.certManager", "write certManager.enabled: true", "it describes a Certificate, and the registry has none")
	}
	if !s.tlsStated {
		return found
	}
	if !s.http && !s.certManager && r.spec.TLS == nil && (reg.secret == "" || reg.certificate != nil) {
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
	if r.registry.service == nil {
		return ""
	}
	if ip := text(r.registry.service.Node(), "spec", "clusterIP"); ip != "None" {
		return ip
	}
	return ""
}

// loginServer is the host of the stated login server, else of the rendered one,
// without a port.
func (r *render) loginServer() string {
	server := r.registry.env(loginServerEnv, "")
	if r.spec.RegistryLoginServer != nil {
		server = *r.spec.RegistryLoginServer
	}
	host, _ := scenario.SplitLoginServer(server)
	return host
}
