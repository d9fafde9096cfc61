package scenario

import (
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
)

// TestLimitsAreCertManagers compares the limits that are repeated here with the
// release of cert-manager that the module names. Those of pkg/util/pki (RSA) are
// left out: importing it takes modules that nothing else here needs.
func TestLimitsAreCertManagers(t *testing.T) {
	assert.Equal(t, cmapi.MinimumCertificateDuration, minDuration)
	assert.Equal(t, cmapi.MinimumRenewBefore, minRenewBefore)
	assert.Equal(t, cmapi.DefaultCertificateDuration, defaultDuration)
}
