package keypair

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// CheckAuthority reports what is wrong with the CA that a registry's clients are to
// trust, both as PEM: its dates, keys and signatures, and whether crt, the registry's
// certificate, can be traced to it. An empty crt is one that is not known; then a
// self-signed certificate that is no CA passes, as it may be the registry's own.
//
// The result is the certificates of ca alone, without what stands beside them.
// Errors are as those of [Check]; f.Key is where a private key belongs that is found.
func CheckAuthority(ca, crt []byte, f Fields, now time.Time) (certificates []byte, warnings []Warning, errs field.ErrorList) {
	c := check{f: f, w: Want{Now: now}}
	if len(crt) > 0 {
		if crts := c.certificates(crt, f.Crt, false); len(crts) > 0 {
			c.leaf(crts, nil)
		}
	}
	cas := c.certificates(ca, f.CA, true)
	for _, crt := range cas {
		certificates = slices.Concat(certificates, encode(crt))
	}
	if len(cas) == 1 && len(crt) == 0 && !cas[0].IsCA && isSelfSigned(cas[0]) {
		c.leaf(cas, nil)
	}
	c.authorities(cas)
	return certificates, c.info.Warnings, c.errs
}
