package keypair

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
)

// certificates reads the certificates of a PEM bundle, in order.
func (c *check) certificates(data []byte, path *field.Path, isCA bool) []*x509.Certificate {
	if len(bytes.TrimSpace(data)) == 0 {
		c.missing(path, "expected a certificate as PEM")
		return nil
	}
	blocks, text := c.blocks(data, path)
	if text != "" {
		message := fmt.Sprintf("text %s the PEM blocks", text)
		if isCA {
			// CA bundles are full of comments, and all that read them skip these.
			c.warn(codes.PEMUnexpected, path, "%s", message)
		} else {
			c.fail(codes.PEMUnexpected, path, "%s, expected nothing else; write the output of openssl x509, or only the blocks from BEGIN to END", message)
		}
	}
	var crts []*x509.Certificate
	for i, b := range blocks {
		switch {
		case b.Type == "CERTIFICATE":
			crt, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				c.fail(codes.PEMDamaged, path, "block %d is no certificate: %s; write it anew from its source", i+1, clean(err.Error()))
				continue
			}
			crts = append(crts, crt)
		case isPrivate(b.Type):
			c.fail(codes.PEMUnexpected, path, "holds a private key (block %d), expected certificates only; write the key as %s and remove it here, and replace the key if others could read it", i+1, c.f.Key)
		case b.Type == "CERTIFICATE REQUEST" || b.Type == "NEW CERTIFICATE REQUEST":
			c.fail(codes.PEMUnexpected, path, "block %d is a certificate request, expected a certificate; write the certificate that the CA made of it", i+1)
		case b.Type == "TRUSTED CERTIFICATE" || b.Type == "X509 CERTIFICATE":
			c.fail(codes.PEMUnexpected, path, "block %d is a %s of OpenSSL's own form, expected CERTIFICATE; write the output of openssl x509", i+1, b.Type)
		default:
			c.fail(codes.PEMUnexpected, path, "block %d is of type %q, expected CERTIFICATE", i+1, shortType(b.Type))
		}
	}
	if len(blocks) == 0 && !c.failed(path) {
		c.fail(codes.NotPEM, path, `expected PEM, "-----BEGIN CERTIFICATE-----"`)
	}
	return crts
}

// privateKey reads the one private key of a PEM file; nil where there is none.
func (c *check) privateKey(data []byte) crypto.Signer {
	path := c.f.Key
	if len(bytes.TrimSpace(data)) == 0 {
		c.missing(path, "expected the certificate's private key as PEM")
		return nil
	}
	blocks, text := c.blocks(data, path)
	if text != "" {
		c.fail(codes.PEMUnexpected, path, "text %s the PEM blocks, expected nothing else; write the output of openssl pkey", text)
	}
	var (
		key  crypto.Signer
		seen int
	)
	for i, b := range blocks {
		switch {
		case b.Type == "EC PARAMETERS":
			// What openssl ecparam -genkey writes before the key; all skip it.
		case b.Type == "CERTIFICATE":
			c.fail(codes.PEMUnexpected, path, "holds a certificate (block %d), expected the private key only; write the certificate as %s", i+1, c.f.Crt)
		case isPrivate(b.Type):
			seen++
			if seen == 1 {
				key = c.parseKey(b)
			}
		default:
			c.fail(codes.PEMUnexpected, path, "block %d is of type %q, expected PRIVATE KEY", i+1, shortType(b.Type))
		}
	}
	switch {
	case seen > 1:
		c.fail(codes.PEMUnexpected, path, "holds %d private keys, expected one; remove the others", seen)
		return nil
	case seen == 0 && !c.failed(path):
		c.fail(codes.NotPEM, path, `expected PEM, "-----BEGIN PRIVATE KEY-----"`)
	}
	return key
}

// parseKey reads a key in any of the three usual forms. What Go says about one
// that it cannot parse is left out: it may hold parts of the key.
func (c *check) parseKey(b *pem.Block) crypto.Signer {
	path := c.f.Key
	var (
		key any
		err error
	)
	switch {
	case b.Type == "ENCRYPTED PRIVATE KEY":
		c.fail(codes.KeyEncrypted, path, "the private key is encrypted (PKCS#8), and the registry has no password; write the output of openssl pkey -in KEYFILE")
		return nil
	case strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") || b.Headers["DEK-Info"] != "":
		c.fail(codes.KeyEncrypted, path, "the private key is encrypted (Proc-Type: 4,ENCRYPTED), and the registry has no password; write the output of openssl pkey -in KEYFILE")
		return nil
	case b.Type == "OPENSSH PRIVATE KEY":
		c.fail(codes.KeyUnsupported, path, "an OpenSSH key, which TLS does not use; write the output of ssh-keygen -p -m PKCS8 -f KEYFILE")
		return nil
	case b.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case b.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case b.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		c.fail(codes.KeyUnsupported, path, "a key of type %q, expected PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY", shortType(b.Type))
		return nil
	}
	if err != nil {
		c.fail(codes.PEMDamaged, path, "the block %q does not hold such a key; write the output of openssl pkey -in KEYFILE", b.Type)
		return nil
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k
	case *ecdsa.PrivateKey:
		return k
	case ed25519.PrivateKey:
		return k
	}
	c.fail(codes.KeyUnsupported, path, "a key that cannot sign, expected RSA, ECDSA or Ed25519")
	return nil
}

func isPrivate(blockType string) bool { return strings.HasSuffix(blockType, "PRIVATE KEY") }
