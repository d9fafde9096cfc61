package codes

// Mistakes in a certificate, its private key and its CA.
var (
	Base64Missing = declare(Certificates, "base64-missing",
		"`crt`, `key` and `caCrt`, and a Secret's `data`, hold PEM in base64. Found was PEM as it is, or text that is no base64.",
		"Write the output of `base64 -w0`, or give the file's path as `crtFile`, `keyFile` or `caCrtFile`.")
	Base64Wrapped = declare(Certificates, "base64-wrapped",
		"`base64` without `-w0` breaks its output into lines, and a Secret takes one line.",
		"Write the output of `base64 -w0`.")
	Base64Twice = declare(Certificates, "base64-twice",
		"The PEM was encoded twice, as happens when a value from a Secret is encoded once more. The registry would find base64 where it expects PEM.",
		"Encode it once: write what `base64 -d` makes of it.")
	Base64Cut = declare(Certificates, "base64-cut",
		"The base64 ends in the middle, so a part was not copied.",
		"Copy the whole of it.")
	Base64InAFile = declare(Certificates, "base64-in-a-file",
		"A file that must hold PEM holds its base64.",
		"Decode it with `base64 -d`, or write its content as `crt`, `key` or `caCrt`.")
	NotPEM = declare(Certificates, "not-pem",
		"What was found is not PEM: text that begins with `-----BEGIN`. It may be DER.",
		"Convert it with `openssl x509` or `openssl pkey`.")
	PEMDamaged = declare(Certificates, "pem-damaged",
		"A block of PEM is cut short, indented or changed.",
		"Write it anew from its source, from its BEGIN line to its END line.")
	PEMUnexpected = declare(Certificates, "pem-unexpected",
		"Something stands beside what belongs there: text around the blocks, a key among certificates, a certificate request.",
		"Write only what the message expects.")
	SANMissing = declare(Certificates, "san-missing",
		"Clients check the name or address that they call against the certificate's subject alternative names. The registry's address, its login server or another name is not among them.",
		"Make the certificate with `subjectAltName=IP:<clusterIP>`, all names in one list. OpenSSL reads `-addext subjectAltName` once only.")
	CertificateExpired = declare(Certificates, "certificate-expired",
		"The certificate, or one that it depends on, is past its end.",
		"Write a new one.")
	CertificateNotYetValid = declare(Certificates, "certificate-not-yet-valid",
		"The certificate, or one that it depends on, is valid from a later time on.",
		"Write one that is valid now, or correct the clock.")
	CertificateExpiresSoon = declare(Certificates, "certificate-expires-soon",
		"The certificate ends within 30 days, or an old CA in a bundle has ended.",
		"Renew it in time. A scenario with the new one rolls the registry's pod.")
	CertificateUsage = declare(Certificates, "certificate-usage",
		"The certificate is made for something other than a TLS server, such as signing others.",
		"Write a server's certificate: keyUsage digitalSignature, extendedKeyUsage serverAuth.")
	CertificateOrder = declare(Certificates, "certificate-order",
		"A server presents its own certificate first, then the ones that signed it, without the root.",
		"Put the blocks into that order.")
	WeakCryptography = declare(Certificates, "weak-cryptography",
		"Clients refuse the certificate for its short key or its old signature.",
		"Write one with an RSA key of 3072 bits or an ECDSA key, signed with SHA-256.")
	KeyMismatch = declare(Certificates, "key-mismatch",
		"The private key and the certificate were not made together.",
		"Write the two that belong to each other.")
	KeyEncrypted = declare(Certificates, "key-encrypted",
		"The private key needs a password, and the registry has none.",
		"Write the output of `openssl pkey -in KEYFILE`.")
	KeyUnsupported = declare(Certificates, "key-unsupported",
		"The key is of a form or an algorithm that TLS servers do not use.",
		"Write an RSA, ECDSA or Ed25519 key as `openssl pkey` prints it.")
	NotACA = declare(Certificates, "not-a-ca",
		"Nodes trust a CA, and the certificate that is given as one may not sign others.",
		"Write the certificate of the CA that signed the registry's.")
	ChainIncomplete = declare(Certificates, "chain-incomplete",
		"The certificate cannot be traced to the CA that is given: it is another CA, or an intermediate certificate is missing.",
		"Write the right CA, and the intermediate certificates after the registry's own.")
)
