package keypair_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/keypair"
)

var (
	now    = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	fields = keypair.Fields{
		Crt: field.NewPath("spec", "tls", "crtFile"),
		Key: field.NewPath("spec", "tls", "keyFile"),
		CA:  field.NewPath("spec", "tls", "caCrtFile"),
	}
	want = keypair.Want{IPs: []netip.Addr{netip.MustParseAddr("192.100.100.1")}, Now: now}
)

// edKey is the same key for the same name, on every run.
func edKey(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

// cert is a certificate in the making and its key.
type cert struct {
	*x509.Certificate
	key crypto.Signer
	der []byte
}

func (c cert) pem() string { return block("CERTIFICATE", c.der) }

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// issue makes a certificate for name, signed by parent or, without one, itself.
func issue(t testing.TB, name string, parent *cert, edit ...func(*x509.Certificate)) cert {
	return issueFor(t, name, edKey(name), parent, edit...)
}

func issueFor(t testing.TB, name string, key crypto.Signer, parent *cert, edit ...func(*x509.Certificate)) cert {
	t.Helper()
	c := cert{key: key, Certificate: &x509.Certificate{
		SerialNumber:          big.NewInt(int64(len(name))),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.AddDate(0, -1, 0),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IPAddresses:           []net.IP{net.ParseIP("192.100.100.1")},
	}}
	for _, e := range edit {
		e(c.Certificate)
	}
	if parent == nil {
		parent = &c
	}
	der, err := x509.CreateCertificate(rand.Reader, c.Certificate, parent.Certificate, key.Public(), parent.key)
	require.NoError(t, err)
	c.der = der
	return c
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.KeyUsage, c.IPAddresses = true, x509.KeyUsageCertSign, nil
}

func pkcs8(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return block("PRIVATE KEY", der)
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
var weakKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
var ecKey = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func material(crt, key, ca string) scenario.Material {
	return scenario.Material{Crt: []byte(crt), Key: []byte(key), CaCrt: []byte(ca)}
}

func TestCheckAccepts(t *testing.T) {
	root := issue(t, "root", nil, isCA)
	inter := issue(t, "intermediate", &root, isCA)
	leaf := issue(t, "leaf", &inter)
	direct := issue(t, "direct", &root)
	self := issue(t, "self", nil)
	// What the documentation's openssl req -x509 makes: a CA without a key usage.
	selfCA := issue(t, "self", nil, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, 0 })
	byRSA := issueFor(t, "rsa", rsaKey(), nil)
	byEC := issueFor(t, "ec", ecKey(), nil)
	ecDER := must(x509.MarshalECPrivateKey(ecKey()))
	key := pkcs8(t, leaf.key)

	for name, c := range map[string]struct {
		m        scenario.Material
		ca       string
		self     bool
		warnings []string
	}{
		"with intermediate":     {m: material(leaf.pem()+inter.pem(), key, root.pem()), ca: root.pem()},
		"direct":                {m: material(direct.pem(), pkcs8(t, direct.key), root.pem()), ca: root.pem()},
		"intermediate as CA":    {m: material(leaf.pem(), key, inter.pem()), ca: inter.pem()},
		"without CA":            {m: material(leaf.pem()+inter.pem(), key, "")},
		"root in the bundle":    {m: material(direct.pem()+root.pem(), pkcs8(t, direct.key), ""), ca: root.pem(), warnings: []string{"spec.tls.crtFile: holds the root (CN=root), which clients do not take from a server"}},
		"unordered":             {m: material(leaf.pem()+root.pem()+inter.pem(), key, root.pem()), ca: root.pem(), warnings: []string{"spec.tls.crtFile: holds the root (CN=root), which clients do not take from a server", "spec.tls.crtFile: CN=root did not sign the certificate before it, whose issuer is CN=intermediate", "spec.tls.crtFile: CN=intermediate did not sign the certificate before it, whose issuer is CN=root"}},
		"self-signed":           {m: material(self.pem(), pkcs8(t, self.key), ""), ca: self.pem(), self: true},
		"self-signed as its CA": {m: material(self.pem(), pkcs8(t, self.key), self.pem()), ca: self.pem(), self: true},
		"self-signed CA":        {m: material(selfCA.pem(), pkcs8(t, self.key), ""), ca: selfCA.pem(), self: true},
		"PKCS#8 RSA":            {m: material(byRSA.pem(), pkcs8(t, rsaKey()), ""), ca: byRSA.pem(), self: true},
		"PKCS#1":                {m: material(byRSA.pem(), block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())), ""), ca: byRSA.pem(), self: true},
		"SEC 1":                 {m: material(byEC.pem(), block("EC PRIVATE KEY", ecDER), ""), ca: byEC.pem(), self: true},
		"SEC 1 with parameters": {m: material(byEC.pem(), block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})+block("EC PRIVATE KEY", ecDER), ""), ca: byEC.pem(), self: true},
		"CRLF and BOM":          {m: material("\ufeff"+strings.ReplaceAll(self.pem(), "\n", "\r\n"), "\n"+pkcs8(t, self.key)+"\n\n", ""), ca: self.pem(), self: true},
		"comments in the CA":    {m: material(direct.pem(), pkcs8(t, direct.key), "# root\n"+root.pem()), ca: "# root\n" + root.pem(), warnings: []string{"spec.tls.caCrtFile: text before the PEM blocks"}},
	} {
		t.Run(name, func(t *testing.T) {
			info, errs := keypair.Check(c.m, fields, want)
			require.Empty(t, errs)
			assert.Equal(t, c.ca, string(info.CA))
			assert.Equal(t, c.self, info.SelfSigned)
			assert.Equal(t, now.AddDate(1, 0, 0), info.NotAfter)
			require.NotNil(t, info.Leaf)
			assert.Equal(t, info.NotAfter, info.Leaf.NotAfter)
			assert.Equal(t, c.warnings, messages(info))
		})
	}
}

func TestCheckNames(t *testing.T) {
	leaf := issue(t, "registry.example.com", nil, func(c *x509.Certificate) {
		c.DNSNames = []string{"*.example.com", "r.connected-registry.svc.cluster.local"}
		c.IPAddresses = []net.IP{net.ParseIP("10.0.0.1"), net.ParseIP("2001:db8::1")}
	})
	bare := issue(t, "192.100.100.1", nil, func(c *x509.Certificate) { c.IPAddresses = nil })
	ips := func(ips ...string) (out []netip.Addr) {
		for _, ip := range ips {
			out = append(out, netip.MustParseAddr(ip))
		}
		return out
	}
	for name, c := range map[string]struct {
		crt  cert
		want keypair.Want
		err  string
	}{
		"all there":        {leaf, keypair.Want{IPs: ips("10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"), DNSNames: []string{"registry.example.com", "r.connected-registry.svc.cluster.local"}}, ""},
		"nothing wanted":   {bare, keypair.Want{}, ""},
		"common name only": {bare, keypair.Want{IPs: ips("192.100.100.1")}, "spec.tls.crtFile: Invalid value: the certificate lacks IP:192.100.100.1: it has no subject alternative names, and clients read no common name; write one with subjectAltName=IP:192.100.100.1"},
		"several": {leaf, keypair.Want{IPs: ips("10.0.0.2"), DNSNames: []string{"a.b.example.com", "10.0.0.2"}},
			"spec.tls.crtFile: Invalid value: the certificate lacks DNS:a.b.example.com, IP:10.0.0.2: its subject alternative names are DNS:*.example.com, DNS:r.connected-registry.svc.cluster.local, IP:10.0.0.1, IP:2001:db8::1; write one with subjectAltName=DNS:*.example.com,DNS:r.connected-registry.svc.cluster.local,IP:10.0.0.1,IP:2001:db8::1,DNS:a.b.example.com,IP:10.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := keypair.Check(material(c.crt.pem(), pkcs8(t, c.crt.key), ""), fields, c.want)
			assert.Equal(t, c.err, text(errs))
		})
	}
}

func TestCheckErrors(t *testing.T) {
	root := issue(t, "root", nil, isCA)
	other := issue(t, "other root", nil, isCA)
	inter := issue(t, "intermediate", &root, isCA)
	leaf := issue(t, "leaf", &inter)
	direct := issue(t, "direct", &root)
	crt, key, ca := direct.pem(), pkcs8(t, direct.key), root.pem()
	made := func(edit func(*x509.Certificate)) scenario.Material {
		return material(issue(t, "direct", &root, edit).pem(), key, ca)
	}
	oldRoot := issue(t, "root", nil, isCA, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) })
	newRoot := issue(t, "root", nil, isCA, func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) })
	oldInter := issue(t, "intermediate", &root, isCA, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) })
	newInter := issue(t, "intermediate", &root, isCA, func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) })
	weak := issueFor(t, "weak", weakKey(), nil)
	agreement := must(x509.MarshalPKCS8PrivateKey(must(ecdh.X25519().GenerateKey(rand.Reader))))
	legacy := func(headers map[string]string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: headers, Bytes: []byte("secret")}))
	}
	const again = "write it anew from its source"

	for name, c := range map[string]struct {
		m    scenario.Material
		errs []string
	}{
		"nothing": {material("", " \n", ""), []string{
			"spec.tls.crtFile: Required value: expected a certificate as PEM",
			"spec.tls.keyFile: Required value: expected the certificate's private key as PEM"}},
		"no PEM": {material("a", "b", "c"), []string{
			`spec.tls.crtFile: Invalid value: expected PEM, "-----BEGIN CERTIFICATE-----"`,
			`spec.tls.keyFile: Invalid value: expected PEM, "-----BEGIN PRIVATE KEY-----"`,
			`spec.tls.caCrtFile: Invalid value: expected PEM, "-----BEGIN CERTIFICATE-----"`}},
		"swapped": {material(key, crt, ca), []string{
			"spec.tls.crtFile: Invalid value: holds a private key (block 1), expected certificates only; write the key as spec.tls.keyFile and remove it here, and replace the key if others could read it",
			"spec.tls.keyFile: Invalid value: holds a certificate (block 1), expected the private key only; write the certificate as spec.tls.crtFile"}},
		"key in the certificate": {material(crt+key, key, ca), []string{
			"spec.tls.crtFile: Invalid value: holds a private key (block 2), expected certificates only; write the key as spec.tls.keyFile and remove it here, and replace the key if others could read it"}},
		"key in the CA": {material(crt, key, ca+key), []string{
			"spec.tls.caCrtFile: Invalid value: holds a private key (block 2), expected certificates only; write the key as spec.tls.keyFile and remove it here, and replace the key if others could read it"}},
		"certificate in the key": {material(crt, key+crt, ca), []string{
			"spec.tls.keyFile: Invalid value: holds a certificate (block 2), expected the private key only; write the certificate as spec.tls.crtFile"}},
		"two keys": {material(crt, key+key, ca), []string{
			"spec.tls.keyFile: Invalid value: holds 2 private keys, expected one; remove the others"}},
		"text before": {material("subject=CN=direct\n"+crt, "Key:\n"+key, ca), []string{
			"spec.tls.crtFile: Invalid value: text before the PEM blocks, expected nothing else; write the output of openssl x509, or only the blocks from BEGIN to END",
			"spec.tls.keyFile: Invalid value: text before the PEM blocks, expected nothing else; write the output of openssl pkey"}},
		"text between": {material(leaf.pem()+"then\n"+inter.pem(), pkcs8(t, leaf.key), ca), []string{
			"spec.tls.crtFile: Invalid value: text between the PEM blocks, expected nothing else; write the output of openssl x509, or only the blocks from BEGIN to END"}},
		"text after": {material(crt+"EOF\n", key+"%\n", ca), []string{
			"spec.tls.crtFile: Invalid value: text after the PEM blocks, expected nothing else; write the output of openssl x509, or only the blocks from BEGIN to END",
			"spec.tls.keyFile: Invalid value: text after the PEM blocks, expected nothing else; write the output of openssl pkey"}},
		"cut short": {material(crt[:len(crt)-30], key[:len(key)-30], ca), []string{
			"spec.tls.crtFile: Invalid value: block 1 has no end; write the whole of it, up to its END line",
			"spec.tls.keyFile: Invalid value: block 1 has no end; write the whole of it, up to its END line"}},
		"one cut short before another": {material(leaf.pem()[:200]+"\n"+inter.pem(), pkcs8(t, inter.key), ca), []string{
			"spec.tls.crtFile: Invalid value: block 1 is damaged: its lines are not base64, are indented, or its BEGIN and END differ; " + again,
			"spec.tls.crtFile: Invalid value: the certificate may only sign others (keyUsage), expected one for a server; write one with keyUsage digitalSignature, or the server's instead of its CA's",
			"spec.tls.crtFile: Invalid value: the certificate lacks IP:192.100.100.1: it has no subject alternative names, and clients read no common name; write one with subjectAltName=IP:192.100.100.1"}},
		"indented": {material(strings.ReplaceAll(crt, "\n", "\n  "), key, ca), []string{
			"spec.tls.crtFile: Invalid value: block 1 is damaged: its lines are not base64, are indented, or its BEGIN and END differ; " + again}},
		"not a certificate": {material(block("CERTIFICATE", []byte("a")), key, block("CERTIFICATE", nil)), []string{
			"spec.tls.crtFile: Invalid value: block 1 is no certificate: x509: malformed certificate; " + again,
			"spec.tls.caCrtFile: Invalid value: block 1 is no certificate: x509: malformed certificate; " + again}},
		"request": {material(block("CERTIFICATE REQUEST", nil), key, ca), []string{
			"spec.tls.crtFile: Invalid value: block 1 is a certificate request, expected a certificate; write the certificate that the CA made of it"}},
		"OpenSSL's own": {material(block("TRUSTED CERTIFICATE", direct.der), key, ca), []string{
			"spec.tls.crtFile: Invalid value: block 1 is a TRUSTED CERTIFICATE of OpenSSL's own form, expected CERTIFICATE; write the output of openssl x509"}},
		"other types": {material(block("DH PARAMETERS", nil), block("weird-type", nil), ca), []string{
			`spec.tls.crtFile: Invalid value: block 1 is of type "DH PARAMETERS", expected CERTIFICATE`,
			`spec.tls.keyFile: Invalid value: block 1 is of type "unknown", expected PRIVATE KEY`}},
		"PKCS#8 with a password": {material(crt, block("ENCRYPTED PRIVATE KEY", []byte("secret")), ca), []string{
			"spec.tls.keyFile: Invalid value: the private key is encrypted (PKCS#8), and the registry has no password; write the output of openssl pkey -in KEYFILE"}},
		"PKCS#1 with a password": {material(crt, legacy(map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}), ca), []string{
			"spec.tls.keyFile: Invalid value: the private key is encrypted (Proc-Type: 4,ENCRYPTED), and the registry has no password; write the output of openssl pkey -in KEYFILE"}},
		"OpenSSH key": {material(crt, block("OPENSSH PRIVATE KEY", nil), ca), []string{
			"spec.tls.keyFile: Invalid value: an OpenSSH key, which TLS does not use; write the output of ssh-keygen -p -m PKCS8 -f KEYFILE"}},
		"DSA key": {material(crt, block("DSA PRIVATE KEY", nil), ca), []string{
			`spec.tls.keyFile: Invalid value: a key of type "DSA PRIVATE KEY", expected PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY`}},
		"damaged key": {material(crt, block("RSA PRIVATE KEY", []byte("secret")), ca), []string{
			`spec.tls.keyFile: Invalid value: the block "RSA PRIVATE KEY" does not hold such a key; write the output of openssl pkey -in KEYFILE`}},
		"key agreement key": {material(crt, block("PRIVATE KEY", agreement), ca), []string{
			"spec.tls.keyFile: Invalid value: a key that cannot sign, expected RSA, ECDSA or Ed25519"}},
		"another's key": {material(crt, pkcs8(t, leaf.key), ca), []string{
			"spec.tls.keyFile: Invalid value: the private key is not that of the certificate (CN=direct); write the two that were made together as spec.tls.crtFile and spec.tls.keyFile"}},
		"leaf last": {material(inter.pem()+leaf.pem(), pkcs8(t, leaf.key), ca), []string{
			"spec.tls.crtFile: Invalid value: the private key's certificate (CN=leaf) is block 2, expected it first; write it before the certificates that signed it"}},
		"expired": {made(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), []string{
			"spec.tls.crtFile: Invalid value: the certificate expired at 2026-06-01 11:59 UTC, it is 2026-06-01 12:00 UTC; write a new one"}},
		"not yet valid": {made(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), []string{
			"spec.tls.crtFile: Invalid value: the certificate is valid from 2026-06-01 12:01 UTC on, it is 2026-06-01 12:00 UTC; write one that is valid now, or correct the clock"}},
		"only for clients": {made(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), []string{
			"spec.tls.crtFile: Invalid value: the certificate is not for servers (extendedKeyUsage); write one with extendedKeyUsage=serverAuth"}},
		"weak key": {material(weak.pem(), pkcs8(t, weak.key), ""), []string{
			"spec.tls.crtFile: Invalid value: the certificate (CN=weak) has an RSA key of 1024 bits, expected at least 2048; write one with a key of 3072 bits"}},
		"another's CA": {material(crt, key, other.pem()), []string{
			"spec.tls.caCrtFile: Invalid value: the certificate (CN=direct), issued by CN=root, cannot be traced to this CA: it holds CN=other root; write the CA's certificate here, and any intermediate ones after the certificate in spec.tls.crtFile"}},
		"intermediate left out": {material(leaf.pem(), pkcs8(t, leaf.key), ca), []string{
			"spec.tls.caCrtFile: Invalid value: the certificate (CN=leaf), issued by CN=intermediate, cannot be traced to this CA: it holds CN=root; write the CA's certificate here, and any intermediate ones after the certificate in spec.tls.crtFile"}},
		"leaf as CA": {material(crt, key, crt), []string{
			"spec.tls.caCrtFile: Invalid value: CN=direct is not a CA certificate (basicConstraints=CA:TRUE); write the certificate of the CA that signed spec.tls.crtFile"}},
		"CA expired": {material(crt, key, oldRoot.pem()), []string{
			"spec.tls.caCrtFile: Invalid value: the CA certificate (CN=root) expired at 2026-05-31 12:00 UTC; write the current one"}},
		"CA not yet valid": {material(crt, key, newRoot.pem()), []string{
			"spec.tls.caCrtFile: Invalid value: the CA certificate (CN=root) is valid from 2026-06-02 12:00 UTC on, it is 2026-06-01 12:00 UTC; write one that is valid now, or correct the clock"}},
		"intermediate expired": {material(leaf.pem()+oldInter.pem(), pkcs8(t, leaf.key), ca), []string{
			"spec.tls.crtFile: Invalid value: the intermediate certificate (CN=intermediate) expired at 2026-05-31 12:00 UTC; write the current one"}},
		"intermediate not yet valid": {material(leaf.pem()+newInter.pem(), pkcs8(t, leaf.key), ca), []string{
			"spec.tls.crtFile: Invalid value: the intermediate certificate (CN=intermediate) is valid from 2026-06-02 12:00 UTC on, it is 2026-06-01 12:00 UTC; write one that is valid now, or correct the clock"}},
		"everything at once": {material(issue(t, "direct", &root, func(c *x509.Certificate) {
			c.NotAfter, c.IPAddresses = now.AddDate(0, 0, -2), nil
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}).pem(), pkcs8(t, other.key), other.pem()), []string{
			"spec.tls.keyFile: Invalid value: the private key is not that of the certificate (CN=direct); write the two that were made together as spec.tls.crtFile and spec.tls.keyFile",
			"spec.tls.crtFile: Invalid value: the certificate expired at 2026-05-30 12:00 UTC, it is 2026-06-01 12:00 UTC; write a new one",
			"spec.tls.crtFile: Invalid value: the certificate is not for servers (extendedKeyUsage); write one with extendedKeyUsage=serverAuth",
			"spec.tls.crtFile: Invalid value: the certificate lacks IP:192.100.100.1: it has no subject alternative names, and clients read no common name; write one with subjectAltName=IP:192.100.100.1",
			"spec.tls.caCrtFile: Invalid value: the certificate (CN=direct), issued by CN=root, cannot be traced to this CA: it holds CN=other root; write the CA's certificate here, and any intermediate ones after the certificate in spec.tls.crtFile"}},
	} {
		t.Run(name, func(t *testing.T) {
			info, errs := keypair.Check(c.m, fields, want)
			assert.Equal(t, strings.Join(c.errs, "\n"), text(errs))
			assert.NotContains(t, text(errs)+strings.Join(messages(info), ""), "secret")
		})
	}
}

func TestCheckWarnings(t *testing.T) {
	root := issue(t, "root", nil, isCA, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 29) })
	stale := issue(t, "stale", nil, isCA, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) })
	leaf := issue(t, "leaf", &root, func(c *x509.Certificate) { c.NotAfter, c.IsCA = now.Add(25*24*time.Hour+time.Minute), true })
	info, errs := keypair.Check(material(leaf.pem(), pkcs8(t, leaf.key), root.pem()+stale.pem()), fields, want)
	require.Empty(t, errs)
	assert.Equal(t, []string{
		"spec.tls.crtFile: the certificate expires at 2026-06-26 12:01 UTC, in 25 days",
		"spec.tls.crtFile: the registry's certificate (CN=leaf) is a CA certificate: its key can sign for any name",
		"spec.tls.caCrtFile: the CA certificate (CN=root) expires at 2026-06-30 12:00 UTC",
		"spec.tls.caCrtFile: CN=stale expired at 2026-05-31 12:00 UTC",
	}, messages(info))

	info, errs = keypair.Check(material(leaf.pem(), pkcs8(t, leaf.key), root.pem()+stale.pem()), fields, keypair.Want{})
	require.Empty(t, errs)
	assert.Len(t, info.Warnings, 1, "without a time nothing is said about dates")
}

func TestCheckWeakSignature(t *testing.T) {
	const refused = "spec.tls.crtFile: Invalid value: the certificate (CN=old) is signed with SHA1-RSA, which clients refuse; write one that is signed with SHA-256"
	crt := withSHA1(t, issueFor(t, "old", rsaKey(), nil))
	info, errs := keypair.Check(material(crt.pem(), pkcs8(t, crt.key), ""), fields, want)
	assert.Equal(t, refused, text(errs))
	assert.True(t, info.SelfSigned)

	// How a root signed itself does not matter.
	root := issueFor(t, "old root", rsaKey(), nil, isCA)
	leaf := issue(t, "leaf", &root)
	_, errs = keypair.Check(material(leaf.pem(), pkcs8(t, leaf.key), withSHA1(t, root).pem()), fields, want)
	assert.Empty(t, text(errs))
}

// withSHA1 signs c again, itself, the way that Go's x509 no longer does.
func withSHA1(t *testing.T, c cert) cert {
	t.Helper()
	// The signature's OID ends in 11 for SHA-256 and in 5 for SHA-1.
	der := bytes.ReplaceAll(c.der,
		[]byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05})
	crt, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	sum := sha1.Sum(crt.RawTBSCertificate)
	signature, err := rsa.SignPKCS1v15(rand.Reader, rsaKey(), crypto.SHA1, sum[:])
	require.NoError(t, err)
	c.der = bytes.Replace(der, crt.Signature, signature, 1)
	return c
}

func TestCheckHostileNames(t *testing.T) {
	crt := issue(t, "a\x1b[31mb\nc", nil, func(c *x509.Certificate) {
		c.IPAddresses = nil
		for range 100 {
			c.DNSNames = append(c.DNSNames, strings.Repeat("a", 50)+".example.com")
		}
	})
	_, errs := keypair.Check(material(crt.pem(), pkcs8(t, crt.key), issue(t, "root", nil, isCA).pem()), fields, want)
	require.Len(t, errs, 2)
	assert.NotContains(t, text(errs), "\x1b")
	assert.Contains(t, text(errs), "and 92 more")
	assert.Less(t, len(text(errs)), 2500)
}

// text is one error a line.
func messages(info keypair.Info) []string {
	var all []string
	for _, w := range info.Warnings {
		all = append(all, w.Message)
	}
	return all
}

func text(errs field.ErrorList) string {
	var lines []string
	for _, e := range errs {
		lines = append(lines, e.Error())
	}
	return strings.Join(lines, "\n")
}

func FuzzCheck(f *testing.F) {
	root := issue(f, "root", nil, isCA)
	leaf := issue(f, "leaf", &root)
	self := issueFor(f, "ec", ecKey(), nil)
	f.Add([]byte(leaf.pem()), []byte(pkcs8(f, leaf.key)), []byte(root.pem()))
	f.Add([]byte(leaf.pem()+root.pem()), []byte(pkcs8(f, leaf.key)), []byte(""))
	f.Add([]byte(self.pem()), []byte(block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey())))), []byte(self.pem()))
	f.Add([]byte("-----BEGIN -----END "), []byte("-----BEGIN A-----\n-----END A-----"), []byte("-----BEGIN -----BEGIN -----END "))
	f.Add([]byte(leaf.pem()), []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"), []byte("#\n"))
	f.Add(leaf.der, must(x509.MarshalPKCS8PrivateKey(leaf.key)), root.der)
	f.Add(self.der, must(x509.MarshalPKCS8PrivateKey(self.key)), []byte(""))
	// What is no PEM is tried as DER: base64 keeps the fuzzer from its insides.
	asPEM := func(kind string, data []byte) []byte {
		if len(data) == 0 || bytes.Contains(data, []byte("-----BEGIN")) {
			return data
		}
		return []byte(block(kind, data))
	}
	f.Fuzz(func(t *testing.T, crt, key, ca []byte) {
		crt, key, ca = asPEM("CERTIFICATE", crt), asPEM("PRIVATE KEY", key), asPEM("CERTIFICATE", ca)
		m := scenario.Material{Crt: crt, Key: key, CaCrt: ca}
		info, errs := keypair.Check(m, fields, want)
		if len(errs) == 0 {
			require.NotNil(t, info.Leaf, "without an error there is a certificate")
			require.Equal(t, info.Leaf.NotAfter, info.NotAfter)
		}
		for _, e := range errs {
			require.NotEmpty(t, e.Detail)
			require.NotEmpty(t, e.Field)
		}
		again, same := keypair.Check(m, fields, want)
		require.Equal(t, info.Warnings, again.Warnings)
		require.Equal(t, text(errs), text(same))
	})
}
