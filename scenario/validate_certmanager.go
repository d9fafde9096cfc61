package scenario

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
)

// What cert-manager's own webhook demands, and what its Certificates default to:
// MinimumCertificateDuration, MinimumRenewBefore and DefaultCertificateDuration
// of pkg/apis/certmanager/v1, MinRSAKeySize and MaxRSAKeySize of pkg/util/pki.
// They are stated here, the durations compared in a test, because those packages
// would pull much of apimachinery and client-go into every start of the program.
const (
	minDuration     = time.Hour
	minRenewBefore  = 5 * time.Minute
	defaultDuration = 90 * 24 * time.Hour
	minRSA, maxRSA  = 2048, 8192
)

func validateCertManager(c *CertManager, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r := c.IssuerRef; r != nil {
		errs = append(errs, validateIssuerRef(r, p.Child("issuerRef"))...)
	}
	errs = append(errs, validateDurations(c, p)...)
	if k := c.PrivateKey; k != nil {
		errs = append(errs, validatePrivateKey(k, p.Child("privateKey"))...)
	}
	seen := map[string]bool{}
	for i, n := range c.DNSNames {
		at := p.Child("dnsNames").Index(i)
		if seen[n] {
			errs = append(errs, duplicate(at, n))
		}
		seen[n] = true
		errs = append(errs, validateDNSName(at, n)...)
	}
	seenIP := map[netip.Addr]bool{}
	for i, n := range c.IPAddresses {
		at := p.Child("ipAddresses").Index(i)
		ip, bad := validateIP(at, n)
		if len(bad) == 0 && seenIP[ip] {
			bad = append(bad, duplicate(at, n))
		}
		seenIP[ip] = true
		errs = append(errs, bad...)
	}
	return errs
}

func validateIssuerRef(r *IssuerRef, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if r.Name == "" {
		errs = append(errs, required(codes.MissingField, p.Child("name"), "expected the issuer's name; write name: my-issuer"))
	} else {
		errs = append(errs, name1123(p.Child("name"), r.Name, validation.IsDNS1123Subdomain)...)
	}
	// Of an issuer of cert-manager's own the kinds are known; of others they are
	// whatever their makers chose.
	if own := r.Group == "" || r.Group == DefaultIssuerGroup; own && r.Kind != "" {
		bad := oneOf(p.Child("kind"), r.Kind, issuerKinds()...)
		if len(bad) > 0 && r.Group == "" && !strings.Contains(bad[0].Detail, "; write ") {
			bad[0].Detail += "; write group: with an external issuer's API group beside it"
		}
		errs = append(errs, bad...)
	}
	if r.Group != "" {
		errs = append(errs, name1123(p.Child("group"), r.Group, validation.IsDNS1123Subdomain)...)
	}
	return errs
}

func validateDurations(c *CertManager, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	duration, known := defaultDuration, true
	if c.Duration != nil {
		var bad field.ErrorList
		duration, bad = parseDuration(p.Child("duration"), *c.Duration, minDuration)
		known = len(bad) == 0
		errs = append(errs, bad...)
	}
	if c.RenewBefore != nil {
		at := p.Child("renewBefore")
		before, bad := parseDuration(at, *c.RenewBefore, minRenewBefore)
		if len(bad) == 0 && known && before >= duration {
			than := "the duration of " + hours(duration)
			if c.Duration == nil {
				than = "cert-manager's default duration of " + hours(duration)
			}
			bad = append(bad, invalid(codes.InvalidDuration, at, *c.RenewBefore, "expected less than "+than))
		}
		errs = append(errs, bad...)
	}
	return errs
}

func validatePrivateKey(k *PrivateKey, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if k.Algorithm != nil {
		errs = append(errs, oneOf(p.Child("algorithm"), *k.Algorithm, keyAlgorithms()...)...)
	}
	if k.RotationPolicy != nil {
		errs = append(errs, oneOf(p.Child("rotationPolicy"), *k.RotationPolicy, rotationPolicies()...)...)
	}
	if k.Size == nil {
		return errs
	}
	at, size := p.Child("size"), *k.Size
	rsa := size >= minRSA && size <= maxRSA
	ecdsa := slices.Contains(ecdsaSizes(), size)
	algorithm := ""
	if k.Algorithm != nil {
		algorithm = *k.Algorithm
	}
	switch {
	case algorithm == ed25519:
		errs = append(errs, forbidden(codes.InvalidKeySize, at, "an Ed25519 key has one size only; remove it"))
	case algorithm == rsaKey && !rsa:
		errs = append(errs, wrongSize(at, size, "expected 2048 to 8192 for RSA; write 2048, 3072 or 4096"))
	case algorithm == ecdsaKey && !ecdsa:
		errs = append(errs, wrongSize(at, size, "expected 256, 384 or 521 for ECDSA; write 256"))
	case algorithm == "" && !rsa && !ecdsa:
		// The chart's own Certificate may say which; without one it is RSA.
		errs = append(errs, wrongSize(at, size, "expected 2048 to 8192 for RSA, or 256, 384 or 521 for ECDSA"))
	}
	return errs
}

func wrongSize(p *field.Path, size int, detail string) *field.Error {
	return field.Invalid(p, int64(size), detail).WithOrigin(codes.InvalidKeySize.String())
}
