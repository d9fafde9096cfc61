// Package cmapi has what the program writes of cert-manager's API. The fields and their
// names are those of github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1, which
// is not used itself, because linking it makes the program half as large again.
package cmapi

// APIVersion is what these objects have as apiVersion.
const APIVersion = "cert-manager.io/v1"

// Issuer signs certificates.
type Issuer struct {
	Spec IssuerSpec `json:"spec"`
}

// IssuerSpec has exactly one of its fields.
type IssuerSpec struct {
	CA         *CAIssuer         `json:"ca,omitempty"`
	SelfSigned *SelfSignedIssuer `json:"selfSigned,omitempty"`
}

// CAIssuer signs with the key in a Secret.
type CAIssuer struct {
	SecretName string `json:"secretName"`
}

// SelfSignedIssuer signs each certificate with the certificate's own key.
type SelfSignedIssuer struct{}

// Certificate asks for a certificate.
type Certificate struct {
	Spec CertificateSpec `json:"spec"`
}

// CertificateSpec says what a certificate is for and who signs it.
type CertificateSpec struct {
	CommonName string                 `json:"commonName,omitempty"`
	Duration   string                 `json:"duration,omitempty"`
	SecretName string                 `json:"secretName"`
	IssuerRef  IssuerReference        `json:"issuerRef"`
	IsCA       bool                   `json:"isCA,omitempty"`
	Usages     []string               `json:"usages,omitempty"`
	PrivateKey *CertificatePrivateKey `json:"privateKey,omitempty"`
}

// IssuerReference names an issuer.
type IssuerReference struct {
	Name  string `json:"name"`
	Kind  string `json:"kind,omitempty"`
	Group string `json:"group,omitempty"`
}

// CertificatePrivateKey says what key a certificate gets.
type CertificatePrivateKey struct {
	RotationPolicy string `json:"rotationPolicy,omitempty"`
	Algorithm      string `json:"algorithm,omitempty"`
	Size           int    `json:"size,omitempty"`
}

// Values of the fields.
const (
	UsageDigitalSignature = "digital signature"
	UsageKeyEncipherment  = "key encipherment"
	UsageServerAuth       = "server auth"
	ECDSAKeyAlgorithm     = "ECDSA"
	RotationPolicyNever   = "Never"
)
