package cmapi_test

import (
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/internal/cmapi"
)

// What is written is what cert-manager reads, field by field.
func TestFieldsAreTheAPIs(t *testing.T) {
	for name, c := range map[string]struct{ own, real any }{
		"Certificate": {
			&cmapi.Certificate{Spec: cmapi.CertificateSpec{
				CommonName: "edge", Duration: (48 * time.Hour).String(), SecretName: "edge-tls", IsCA: true,
				IssuerRef:  cmapi.IssuerReference{Name: "edge", Kind: "Issuer", Group: "cert-manager.io"},
				Usages:     []string{cmapi.UsageDigitalSignature, cmapi.UsageKeyEncipherment, cmapi.UsageServerAuth},
				PrivateKey: &cmapi.CertificatePrivateKey{RotationPolicy: cmapi.RotationPolicyNever, Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 256},
			}}, new(certmanager.Certificate),
		},
		"CA issuer":          {&cmapi.Issuer{Spec: cmapi.IssuerSpec{CA: &cmapi.CAIssuer{SecretName: "edge-ca"}}}, new(certmanager.Issuer)},
		"self-signed issuer": {&cmapi.Issuer{Spec: cmapi.IssuerSpec{SelfSigned: &cmapi.SelfSignedIssuer{}}}, new(certmanager.Issuer)},
	} {
		t.Run(name, func(t *testing.T) {
			written, err := yaml.Marshal(c.own)
			require.NoError(t, err)
			require.NoError(t, yaml.UnmarshalStrict(written, c.real))
			var own, real struct{ Spec map[string]any }
			require.NoError(t, yaml.Unmarshal(written, &own))
			again, err := yaml.Marshal(c.real)
			require.NoError(t, err)
			require.NoError(t, yaml.Unmarshal(again, &real))
			assert.Equal(t, real.Spec, own.Spec)
		})
	}
}

// The values are among those that cert-manager names.
func TestValues(t *testing.T) {
	assert.Equal(t, certmanager.SchemeGroupVersion.String(), cmapi.APIVersion)
	assert.Equal(t, []string{
		string(certmanager.UsageDigitalSignature), string(certmanager.UsageKeyEncipherment), string(certmanager.UsageServerAuth),
		string(certmanager.ECDSAKeyAlgorithm), string(certmanager.RotationPolicyNever),
	}, []string{cmapi.UsageDigitalSignature, cmapi.UsageKeyEncipherment, cmapi.UsageServerAuth, cmapi.ECDSAKeyAlgorithm, cmapi.RotationPolicyNever})
}
