package keypair

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// date is the form in which openssl x509 -enddate users will recognise a time.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// subject names a certificate.
func subject(crt *x509.Certificate) string {
	if s := crt.Subject.String(); s != "" {
		return clean(s)
	}
	return "one without a subject"
}

// list joins names, of which a certificate can have thousands.
func list(names []string) string {
	const most = 8
	if len(names) > most {
		return clean(strings.Join(names[:most], ", ")) + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return clean(strings.Join(names, ", "))
}

// clean makes a certificate's own words fit for a terminal and a line.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r <= 0x9f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	const most = 400
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
