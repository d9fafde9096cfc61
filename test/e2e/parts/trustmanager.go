package parts

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// StartTrustManager installs trust-manager's CRDs and runs its controller, which reads
// sources in this namespace, until the test ends.
func (c *Cluster) StartTrustManager(t testing.TB, trustNamespace string) {
	t.Helper()
	find := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/trust-manager")
	find.Dir = moduleDir()
	dir, err := output(find)
	if err != nil {
		t.Fatal(err)
	}
	crds := filepath.Join(dir, "deploy", "crds")
	c.Kubectl(t, "apply", "--server-side", "-f", crds)
	c.Kubectl(t, "wait", "--for=condition=Established", "--timeout=60s", "-f", crds)
	StartServer(t, c.Dir, "trust-manager", exec.Command(Tool(t, "trustmanager"),
		"--kubeconfig", c.Kubeconfig, "--trust-namespace", trustNamespace))
}
