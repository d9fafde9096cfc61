package scenario

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
)

// Validate judges everything about the scenario that needs no rendered chart:
// the form of every value, and the rules between fields as far as both sides are
// stated. On a merged layer it judges the result, so a layer need not be complete
// by itself. The error is an Errors with every problem; nil is a valid scenario.
func (l *Layer) Validate() error {
	errs := l.validateNames()
	errs = append(errs, l.Translate(validateSpec(&l.Scenario.Spec, field.NewPath("spec")))...)
	return errs.sorted()
}

// validateNames judges each layer's own name: the joined one is not a DNS label.
func (l *Layer) validateNames() Errors {
	var errs Errors
	metadata := field.NewPath("metadata")
	for _, n := range l.named() {
		for _, e := range l.Translate(name1123(metadata.Child("name"), n.value, validation.IsDNS1123Label)) {
			e.Source, e.Line = n.at.source, n.at.line
			errs = append(errs, e)
		}
	}
	if ns := l.Scenario.Metadata.Namespace; ns != "" {
		errs = append(errs, l.Translate(name1123(metadata.Child("namespace"), ns, validation.IsDNS1123Label))...)
	}
	return errs
}

func validateSpec(s *Spec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Mode != nil {
		errs = append(errs, oneOf(p.Child("mode"), string(*s.Mode), modes()...)...)
	}
	if s.ReadOnly != nil {
		errs = append(errs, validateReadOnly(s, p)...)
	}
	if s.Service != nil && s.Service.ClusterIP != nil {
		errs = append(errs, validateClusterIP(p.Child("service", "clusterIP"), *s.Service.ClusterIP)...)
	}
	if s.CertManager != nil {
		errs = append(errs, validateCertManager(s.CertManager, p.Child("certManager"))...)
	}
	if s.TLS != nil {
		errs = append(errs, validateTLS(s.TLS, p.Child("tls"))...)
	}
	errs = append(errs, validateTLSSource(s, p)...)
	if s.RegistryLoginServer != nil {
		errs = append(errs, validateLoginServer(p.Child("registryLoginServer"), *s.RegistryLoginServer)...)
	}
	if s.PVC != nil {
		errs = append(errs, validatePVC(s.PVC, p.Child("pvc"))...)
	}
	if s.Targets != nil {
		errs = append(errs, validateTargets(s.Targets, p.Child("targets"))...)
	}
	return errs
}

func validateReadOnly(s *Spec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	r, at := s.ReadOnly, p.Child("readOnly")
	if isTrue(r.Enforce) && s.Mode != nil && *s.Mode == ReadWriteMode {
		errs = append(errs, forbidden(codes.Contradiction, at.Child("enforce"),
			"true contradicts mode: ReadWrite; write enforce: false, or mode: ReadOnly"))
	}
	errs = append(errs, validateProxy(r, at)...)
	return append(errs, validateWritablePaths(r, at)...)
}

// validateProxy judges what is stated of the proxy. Both values are written into
// nginx's configuration or the pod, so that nothing but their plain forms will do.
func validateProxy(r *ReadOnly, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, f := range []struct {
		name  string
		value *string
		code  codes.Code
	}{{"proxyImage", r.ProxyImage, codes.InvalidImage}, {"tokenPath", r.TokenPath, codes.InvalidTokenPath}} {
		if f.value == nil {
			continue
		}
		if !isTrue(r.Enforce) {
			errs = append(errs, forbidden(codes.NoEffect, at.Child(f.name),
				"only the proxy of a registry that is enforced to be read-only has a use for it; write enforce: true beside it, or remove it"))
		}
		form := formOf("spec.readOnly." + f.name)
		if !form.matches(*f.value) {
			errs = append(errs, invalid(f.code, at.Child(f.name), *f.value, "expected "+form.accepts+form.but+"; write "+form.otherwise))
		}
	}
	return errs
}

func validateWritablePaths(r *ReadOnly, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	paths := at.Child("writablePaths")
	if r.WritablePaths != nil && !isTrue(r.RootFilesystem) {
		errs = append(errs, forbidden(codes.NoEffect, paths,
			"only a read-only root file system has a use for them; write rootFilesystem: true beside them, or remove them"))
	}
	seen := map[string]bool{}
	for i, w := range r.WritablePaths {
		at := paths.Index(i)
		switch {
		case w == "":
			errs = append(errs, invalid(codes.InvalidPath, at, w, "expected an absolute path; write /tmp"))
		case !path.IsAbs(w):
			errs = append(errs, invalid(codes.InvalidPath, at, w, "expected an absolute path; write "+path.Join("/", w)))
		case w == "/":
			errs = append(errs, invalid(codes.InvalidPath, at, w, "the whole root file system would be writable; write rootFilesystem: false instead"))
		case path.Clean(w) != w:
			errs = append(errs, invalid(codes.InvalidPath, at, w, "expected a path without //, . or .. and without a slash at its end; write "+path.Clean(w)))
		case strings.ContainsRune(w, ':') || strings.ContainsFunc(w, unicode.IsControl):
			errs = append(errs, invalid(codes.InvalidPath, at, w, "Kubernetes mounts no path that holds a colon or a control character"))
		case w == "/proc" || strings.HasPrefix(w, "/proc/") || w == "/sys" || w == "/dev":
			errs = append(errs, invalid(codes.InvalidPath, at, w, "the container runtime mounts this itself; remove it"))
		case seen[w]:
			errs = append(errs, duplicate(at, w))
		}
		seen[w] = true
	}
	return errs
}

func validateClusterIP(p *field.Path, value string) field.ErrorList {
	if strings.EqualFold(value, "None") {
		return field.ErrorList{invalid(codes.InvalidAddress, p, value, "a headless Service has no address of its own that clients and the "+
			"certificate could name; write an address of the cluster's service range")}
	}
	ip, errs := validateIP(p, value)
	if len(errs) == 0 && (ip.IsLoopback() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})) {
		errs = append(errs, invalid(codes.InvalidAddress, p, value, "no Service can have this address; write an address of the cluster's service range"))
	}
	return errs
}

func validateTLS(t *TLS, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	stated := t.alternatives()
	if len(stated) == 0 {
		return field.ErrorList{required(codes.TLSIncomplete, p,
			"states no certificate; write secret, or crt and key, or crtFile and keyFile below it, or remove it")}
	}
	if len(stated) > 1 {
		var ways []string
		for _, a := range slices.Sorted(maps.Keys(stated)) {
			ways = append(ways, a.String())
		}
		errs = append(errs, forbidden(codes.TLSAmbiguous, p, fmt.Sprintf("states %d alternatives (%s), expected one; remove all but one",
			len(ways), strings.Join(ways, " / "))))
	}
	if t.Secret != nil {
		errs = append(errs, name1123(p.Child("secret"), *t.Secret, validation.IsDNS1123Subdomain)...)
	}
	if stated[byValue] {
		errs = append(errs, requirePair(p, "crt", t.Crt, "key", t.Key)...)
	}
	if stated[byFile] {
		errs = append(errs, requirePair(p, "crtFile", t.CrtFile, "keyFile", t.KeyFile)...)
	}
	return errs
}

func requirePair(p *field.Path, crt string, crtValue *string, key string, keyValue *string) field.ErrorList {
	var errs field.ErrorList
	if crtValue == nil {
		errs = append(errs, required(codes.TLSIncomplete, p.Child(crt), "expected the certificate; write "+crt+" too"))
	}
	if keyValue == nil {
		errs = append(errs, required(codes.TLSIncomplete, p.Child(key), "expected the certificate's private key; write "+key+" too"))
	}
	return errs
}

// validateTLSSource judges what is stated of the three places that a certificate
// can, or cannot, come from: certManager, tls and httpEnabled.
func validateTLSSource(s *Spec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	c := s.CertManager
	if c == nil {
		c = &CertManager{}
	}
	at := p.Child("certManager")
	http := isTrue(s.HTTPEnabled)
	if http && s.TLS != nil {
		errs = append(errs, forbidden(codes.CertificateSources, p.Child("httpEnabled"), "true serves plain HTTP, which has no use for tls; write httpEnabled: false, or remove tls"))
	}
	if http && isTrue(c.Enabled) {
		errs = append(errs, forbidden(codes.CertificateSources, p.Child("httpEnabled"), "true serves plain HTTP, which has no use for certManager.enabled: true; write httpEnabled: false, or certManager.enabled: false"))
	}
	if s.TLS != nil && isTrue(c.Enabled) {
		errs = append(errs, forbidden(codes.CertificateSources, p.Child("tls"), "a certificate of one's own contradicts certManager.enabled: true; write certManager.enabled: false, or remove tls"))
	}
	// Without cert-manager for the registry, its settings state what cannot hold.
	var why, fix string
	switch {
	case c.Enabled != nil && !*c.Enabled:
		why, fix = "certManager.enabled: false", "write enabled: true, or remove it"
	case c.Enabled == nil && s.TLS != nil:
		why, fix = "tls, which turns certManager off", "remove it, or remove tls"
	default:
		return errs
	}
	if isTrue(c.Install) {
		errs = append(errs, forbidden(codes.InstallWithoutEnabled, at.Child("install"),
			"true contradicts "+why+" (the chart refuses it, too); write install: false"))
	}
	for _, f := range []struct {
		name   string
		stated bool
	}{
		{"issuerRef", c.IssuerRef != nil},
		{"duration", c.Duration != nil},
		{"renewBefore", c.RenewBefore != nil},
		{"privateKey", c.PrivateKey != nil},
		{"dnsNames", len(c.DNSNames) > 0},
		{"ipAddresses", len(c.IPAddresses) > 0},
	} {
		if f.stated {
			errs = append(errs, forbidden(codes.NoEffect, at.Child(f.name), "has no effect with "+why+"; "+fix))
		}
	}
	return errs
}

func validatePVC(v *PVC, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if v.StorageClassName != nil {
		errs = append(errs, name1123(p.Child("storageClassName"), *v.StorageClassName, validation.IsDNS1123Subdomain)...)
	}
	if v.StorageRequest != nil {
		errs = append(errs, validateQuantity(p.Child("storageRequest"), *v.StorageRequest)...)
	}
	return errs
}

func validateTargets(t *Targets, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, role := range []struct {
		name   string
		target *Target
	}{
		{"workload", t.Workload},
		{"service", t.Service},
		{"pvc", t.PVC},
		{"trustDistribution", t.TrustDistribution},
		{"certificate", t.Certificate},
	} {
		if role.target != nil {
			errs = append(errs, validateTarget(role.target, p.Child(role.name), targetKinds(role.name))...)
		}
	}
	return errs
}

func validateTarget(t *Target, p *field.Path, kinds []string) field.ErrorList {
	if t.Kind == "" && t.Name == "" && t.Namespace == "" && len(t.Labels) == 0 {
		return field.ErrorList{required(codes.MissingField, p, "an empty target selects nothing; write kind, name, namespace or labels below it, or remove it")}
	}
	var errs field.ErrorList
	if t.Kind != "" {
		errs = append(errs, oneOf(p.Child("kind"), t.Kind, kinds...)...)
	}
	if t.Name != "" {
		errs = append(errs, name1123(p.Child("name"), t.Name, validation.IsDNS1123Subdomain)...)
	}
	if t.Namespace != "" {
		errs = append(errs, name1123(p.Child("namespace"), t.Namespace, validation.IsDNS1123Label)...)
	}
	for _, key := range slices.Sorted(maps.Keys(t.Labels)) {
		at := p.Child("labels").Key(key)
		if len(content.IsLabelKey(key)) > 0 {
			errs = append(errs, invalid(codes.InvalidName, at, key, "expected a label's name, such as app.kubernetes.io/name"))
		}
		if value := t.Labels[key]; len(content.IsLabelValue(value)) > 0 {
			errs = append(errs, invalid(codes.InvalidName, at, value, `expected a label's value: at most 63 letters, digits, "-", "_" and "."`))
		}
	}
	return errs
}

func isTrue(b *bool) bool { return b != nil && *b }
