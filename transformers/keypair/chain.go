package keypair

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"time"

	"github.com/connected-registry/scenario/codes"
)

// bundle judges the certificates that follow the leaf.
func (c *check) bundle() {
	for i, crt := range c.rest {
		c.strength(crt, c.f.Crt)
		if isSelfSigned(crt) {
			c.warn(codes.CertificateOrder, c.f.Crt, "holds the root (%s), which clients do not take from a server", subject(crt))
		}
		switch now := c.w.Now; {
		case now.IsZero():
		case now.After(crt.NotAfter):
			c.fail(codes.CertificateExpired, c.f.Crt, "the intermediate certificate (%s) expired at %s; write the current one", subject(crt), date(crt.NotAfter))
		case now.Before(crt.NotBefore):
			c.fail(codes.CertificateNotYetValid, c.f.Crt, "the intermediate certificate (%s) is valid from %s on, it is %s; write one that is valid now, or correct the clock",
				subject(crt), date(crt.NotBefore), date(now))
		}
		child := c.info.Leaf
		if i > 0 {
			child = c.rest[i-1]
		}
		if !bytes.Equal(child.RawIssuer, crt.RawSubject) {
			c.warn(codes.CertificateOrder, c.f.Crt, "%s did not sign the certificate before it, whose issuer is %s", subject(crt), clean(child.Issuer.String()))
		}
	}
}

// authorities judges the CA certificates, and traces the leaf to them.
func (c *check) authorities(cas []*x509.Certificate) {
	leaf, now := c.info.Leaf, c.w.Now
	roots := x509.NewCertPool()
	var usable []*x509.Certificate
	for _, ca := range cas {
		// A leaf that signed itself is its own CA, whatever it says about that.
		itself := leaf != nil && c.info.SelfSigned && ca.Equal(leaf)
		if !ca.IsCA && !itself {
			c.fail(codes.NotACA, c.f.CA, "%s is not a CA certificate (basicConstraints=CA:TRUE); write the certificate of the CA that signed %s",
				subject(ca), c.f.Crt)
			continue
		}
		c.strength(ca, c.f.CA)
		switch {
		case now.IsZero():
		case now.After(ca.NotAfter) && len(cas) == 1:
			c.fail(codes.CertificateExpired, c.f.CA, "the CA certificate (%s) expired at %s; write the current one", subject(ca), date(ca.NotAfter))
		case now.After(ca.NotAfter):
			// Bundles carry old ones along; the chain decides whether it matters.
			c.warn(codes.CertificateExpiresSoon, c.f.CA, "%s expired at %s", subject(ca), date(ca.NotAfter))
			continue
		case now.Before(ca.NotBefore):
			c.fail(codes.CertificateNotYetValid, c.f.CA, "the CA certificate (%s) is valid from %s on, it is %s; write one that is valid now, or correct the clock",
				subject(ca), date(ca.NotBefore), date(now))
		case now.Add(soon).After(ca.NotAfter):
			c.warn(codes.CertificateExpiresSoon, c.f.CA, "the CA certificate (%s) expires at %s", subject(ca), date(ca.NotAfter))
		}
		roots.AddCert(ca)
		usable = append(usable, ca)
	}
	if leaf == nil || len(usable) == 0 {
		return
	}
	intermediates := x509.NewCertPool()
	for _, crt := range c.rest {
		intermediates.AddCert(crt)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		// Dates and use are judged above, with words of their own.
		CurrentTime: commonTime(now, leaf, c.rest, usable),
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err == nil {
		return
	}
	var subjects []string
	for _, ca := range usable {
		subjects = append(subjects, subject(ca))
	}
	why := "it holds " + list(subjects)
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		why = err.Error()
	}
	c.fail(codes.ChainIncomplete, c.f.CA, "the certificate (%s), issued by %s, cannot be traced to this CA: %s; write the CA's certificate here, and any intermediate ones after the certificate in %s",
		subject(leaf), clean(leaf.Issuer.String()), clean(why), c.f.Crt)
}

// commonTime is a time at which all are valid, now if it is one, so that a chain
// is not refused once more for a date that was reported.
func commonTime(now time.Time, leaf *x509.Certificate, others ...[]*x509.Certificate) time.Time {
	from, until := leaf.NotBefore, leaf.NotAfter
	for _, crt := range slices.Concat(others...) {
		if crt.NotBefore.After(from) {
			from = crt.NotBefore
		}
		if crt.NotAfter.Before(until) {
			until = crt.NotAfter
		}
	}
	if now.IsZero() || now.Before(from) || now.After(until) {
		return from
	}
	return now
}

// trust is Info.CA.
func (c *check) trust(given []byte, cas []*x509.Certificate) []byte {
	if len(cas) > 0 {
		return given
	}
	if len(given) > 0 || c.info.Leaf == nil {
		return nil
	}
	if c.info.SelfSigned {
		return encode(c.info.Leaf)
	}
	if i := slices.IndexFunc(c.rest, isSelfSigned); i >= 0 {
		return encode(c.rest[i])
	}
	return nil
}

func encode(crt *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: crt.Raw})
}

// isSelfSigned says that crt's own key signed it. A signature of an algorithm
// that Go no longer checks is believed.
func isSelfSigned(crt *x509.Certificate) bool {
	if !bytes.Equal(crt.RawIssuer, crt.RawSubject) {
		return false
	}
	err := crt.CheckSignature(crt.SignatureAlgorithm, crt.RawTBSCertificate, crt.Signature)
	_, insecure := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || insecure
}
