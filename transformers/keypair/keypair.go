// Package keypair checks a certificate, its private key and its CA the way that
// a registry and its clients will, before anything is deployed.
package keypair

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

const (
	// soon is how long before its end a certificate is warned about.
	soon = 30 * 24 * time.Hour
	// minRSA is what clients in Go, OpenSSL and .NET still take.
	minRSA = 2048
)

// Fields is how the caller names the parts in errors: spec.tls.crtFile,
// data[tls.crt] and so on.
type Fields struct{ Crt, Key, CA *field.Path }

// Want is what the certificate must hold.
type Want struct {
	// IPs and DNSNames are what clients call the registry; each must be a subject
	// alternative name.
	IPs      []netip.Addr
	DNSNames []string
	// Now is the time to judge validity at. Zero leaves dates unjudged.
	Now time.Time
}

// Info is what can be said of the material. It is filled as far as the material
// could be read, beside errors too.
type Info struct {
	// SelfSigned says that the leaf signed itself.
	SelfSigned bool
	// NotAfter is the leaf's end.
	NotAfter time.Time
	// Leaf is the certificate that the private key belongs to; nil without one.
	Leaf *x509.Certificate
	// CA is what a client must trust, as PEM: the CA that was given, else the
	// self-signed leaf, else a self-signed root among the certificates; nil where
	// none is known.
	CA []byte
	// Warnings are what will not stop the registry and still deserves a look.
	Warnings []Warning
}

// Warning is one of Info's. Its message begins with the part that it is about.
type Warning struct {
	Code    codes.Code
	Message string
}

// Check reports everything wrong with m at once: PEM of the right kind and
// nothing else in it, a key that needs no password and is the certificate's,
// dates, use, names, key sizes and signatures, and, where m has a CA, that the
// certificate can be traced to it. Each error says what to write; none repeats
// key material. Without m.CaCrt nothing is traced.
func Check(m scenario.Material, f Fields, w Want) (Info, field.ErrorList) {
	c := check{f: f, w: w}
	crts := c.certificates(m.Crt, f.Crt, false)
	key := c.privateKey(m.Key)
	var cas []*x509.Certificate
	if len(m.CaCrt) > 0 {
		cas = c.certificates(m.CaCrt, f.CA, true)
	}
	if len(crts) > 0 {
		c.leaf(crts, key)
		c.dates()
		c.use()
		c.names()
		c.strength(c.info.Leaf, f.Crt)
		c.bundle()
	}
	c.authorities(cas)
	c.info.CA = c.trust(m.CaCrt, cas)
	return c.info, c.errs
}

// check is one run of Check: what it has read so far and found wrong.
type check struct {
	f    Fields
	w    Want
	info Info
	errs field.ErrorList
	// rest is the certificate's bundle without the leaf.
	rest []*x509.Certificate
}

// fail reports a problem in path. Values are never shown: they are PEM.
func (c *check) fail(code codes.Code, path *field.Path, format string, args ...any) {
	c.errs = append(c.errs, field.Invalid(path, field.OmitValueType{}, fmt.Sprintf(format, args...)).WithOrigin(code.String()))
}

// missing reports that there is nothing in path.
func (c *check) missing(path *field.Path, detail string) {
	c.errs = append(c.errs, field.Required(path, detail).WithOrigin(codes.TLSIncomplete.String()))
}

func (c *check) warn(code codes.Code, path *field.Path, format string, args ...any) {
	c.info.Warnings = append(c.info.Warnings, Warning{code, path.String() + ": " + fmt.Sprintf(format, args...)})
}

// leaf finds the certificate that the registry presents: the key's, where one
// is, and the first otherwise.
func (c *check) leaf(crts []*x509.Certificate, key crypto.Signer) {
	at := 0
	if key != nil {
		at = slices.IndexFunc(crts, func(crt *x509.Certificate) bool { return belongs(crt, key) })
		switch {
		case at < 0:
			c.fail(codes.KeyMismatch, c.f.Key, "the private key is not that of the certificate (%s); write the two that were made together as %s and %s",
				subject(crts[0]), c.f.Crt, c.f.Key)
			at = 0
		case at > 0:
			c.fail(codes.CertificateOrder, c.f.Crt, "the private key's certificate (%s) is block %d, expected it first; write it before the certificates that signed it",
				subject(crts[at]), at+1)
		}
	}
	leaf := crts[at]
	c.rest = slices.Delete(slices.Clone(crts), at, at+1)
	c.info.Leaf, c.info.NotAfter, c.info.SelfSigned = leaf, leaf.NotAfter, isSelfSigned(leaf)
}

// belongs says that key is crt's.
func belongs(crt *x509.Certificate, key crypto.Signer) bool {
	public, ok := crt.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}

func (c *check) dates() {
	leaf, now := c.info.Leaf, c.w.Now
	switch {
	case now.IsZero():
	case now.After(leaf.NotAfter):
		c.fail(codes.CertificateExpired, c.f.Crt, "the certificate expired at %s, it is %s; write a new one", date(leaf.NotAfter), date(now))
	case now.Before(leaf.NotBefore):
		c.fail(codes.CertificateNotYetValid, c.f.Crt, "the certificate is valid from %s on, it is %s; write one that is valid now, or correct the clock",
			date(leaf.NotBefore), date(now))
	case now.Add(soon).After(leaf.NotAfter):
		c.warn(codes.CertificateExpiresSoon, c.f.Crt, "the certificate expires at %s, in %d days", date(leaf.NotAfter), int(leaf.NotAfter.Sub(now).Hours()/24))
	}
}

// use reports a certificate that may not serve TLS.
func (c *check) use() {
	leaf := c.info.Leaf
	const handshake = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement
	if leaf.KeyUsage != 0 && leaf.KeyUsage&handshake == 0 {
		c.fail(codes.CertificateUsage, c.f.Crt, "the certificate may only sign others (keyUsage), expected one for a server; write one with keyUsage digitalSignature, or the server's instead of its CA's")
	}
	if len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		c.fail(codes.CertificateUsage, c.f.Crt, "the certificate is not for servers (extendedKeyUsage); write one with extendedKeyUsage=serverAuth")
	}
	if leaf.IsCA && !c.info.SelfSigned {
		c.warn(codes.CertificateUsage, c.f.Crt, "the registry's certificate (%s) is a CA certificate: its key can sign for any name", subject(leaf))
	}
}

// names reports the names that clients will look for in vain, all in one fix:
// OpenSSL reads only one subjectAltName.
func (c *check) names() {
	leaf := c.info.Leaf
	var lacks []string
	for _, ip := range c.w.IPs {
		if !holdsIP(leaf, ip) {
			lacks = append(lacks, "IP:"+ip.Unmap().String())
		}
	}
	for _, name := range c.w.DNSNames {
		if ip, err := netip.ParseAddr(name); err == nil {
			if !holdsIP(leaf, ip) {
				lacks = append(lacks, "IP:"+ip.Unmap().String())
			}
		} else if leaf.VerifyHostname(name) != nil {
			lacks = append(lacks, "DNS:"+name)
		}
	}
	slices.Sort(lacks)
	if lacks = slices.Compact(lacks); len(lacks) == 0 {
		return
	}
	var holds []string
	for _, name := range leaf.DNSNames {
		holds = append(holds, "DNS:"+name)
	}
	for _, ip := range leaf.IPAddresses {
		holds = append(holds, "IP:"+ip.String())
	}
	found := "its subject alternative names are " + list(holds)
	if len(holds) == 0 {
		found = "it has no subject alternative names, and clients read no common name"
	}
	c.fail(codes.SANMissing, c.f.Crt, "the certificate lacks %s: %s; write one with subjectAltName=%s",
		list(lacks), found, clean(strings.Join(append(holds, lacks...), ",")))
}

func holdsIP(crt *x509.Certificate, want netip.Addr) bool {
	for _, ip := range crt.IPAddresses {
		if held, ok := netip.AddrFromSlice(ip); ok && held.Unmap() == want.Unmap() {
			return true
		}
	}
	return false
}

// strength reports keys and signatures that clients refuse.
func (c *check) strength(crt *x509.Certificate, path *field.Path) {
	if key, ok := crt.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
		c.fail(codes.WeakCryptography, path, "the certificate (%s) has an RSA key of %d bits, expected at least %d; write one with a key of 3072 bits",
			subject(crt), key.N.BitLen(), minRSA)
	}
	switch crt.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		// How a root signed itself is of no matter: it is trusted as it is.
		if isSelfSigned(crt) && crt != c.info.Leaf {
			return
		}
		c.fail(codes.WeakCryptography, path, "the certificate (%s) is signed with %s, which clients refuse; write one that is signed with SHA-256",
			subject(crt), crt.SignatureAlgorithm)
	}
}
