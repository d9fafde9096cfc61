package parts

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// certManagerModule is where cert-manager's CRDs come from.
const certManagerModule = "github.com/cert-manager/cert-manager"

// CertManagerNamespace is where a ClusterIssuer looks for its Secrets.
const CertManagerNamespace = "cert-manager"

// InstallCertManagerCRDs installs the CRDs that cert-manager's module has, and waits
// for the API server to serve them.
func (c *Cluster) InstallCertManagerCRDs(t testing.TB) {
	t.Helper()
	c.Kubectl(t, "apply", "--server-side", "--force-conflicts", "-f", CertManagerCRDs(t))
	c.Kubectl(t, "wait", "--for=condition=Established", "--timeout=60s", "-f", CertManagerCRDs(t))
}

// CertManagerCRDs is the directory with cert-manager's CRDs.
func CertManagerCRDs(t testing.TB) string {
	t.Helper()
	find := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", certManagerModule)
	find.Dir = moduleDir()
	dir, err := output(find)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "deploy", "crds")
}

// StartCertManager installs the CRDs and runs cert-manager's controllers; it does
// nothing where they run. They end with the cluster, or by StopCertManager.
func (c *Cluster) StartCertManager(t testing.TB) {
	t.Helper()
	c.certManagerLock.Lock()
	defer c.certManagerLock.Unlock()
	if c.certManager != nil {
		return
	}
	c.InstallCertManagerCRDs(t)
	path := Tool(t, "certmanager")
	server, err := startServer(c.Dir, "cert-manager", exec.Command(path,
		"--kubeconfig", c.Kubeconfig, "--cluster-resource-namespace", CertManagerNamespace))
	if err != nil {
		t.Fatal(err)
	}
	c.certManager = server
}

// StopCertManager ends the controllers; the CRDs and all objects stay.
func (c *Cluster) StopCertManager(t testing.TB) {
	t.Helper()
	c.stopCertManager()
}

func (c *Cluster) stopCertManager() {
	c.certManagerLock.Lock()
	defer c.certManagerLock.Unlock()
	if c.certManager != nil {
		c.certManager.Stop()
		c.certManager = nil
	}
}

// RemoveCertManager stops the controllers and deletes the CRDs, and with them every
// Issuer and Certificate of the cluster.
func (c *Cluster) RemoveCertManager(t testing.TB) {
	t.Helper()
	c.stopCertManager()
	c.Kubectl(t, "delete", "--ignore-not-found", "--timeout=60s", "-f", CertManagerCRDs(t))
}
