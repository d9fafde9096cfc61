// Package cleanup_test installs on a real API server, takes away again with what
// cleanup prints, and looks what is left; and asks check --live what that server will
// refuse before it does.
package cleanup_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// desk is a directory as a person has it who administers the cluster: helm, kubectl
// and the program on the PATH, the chart in chart/, values and a scenario.
type desk struct {
	dir     string
	env     []string
	cluster *parts.Cluster
}

func newDesk(t *testing.T, c *parts.Cluster, v fixtures.Variant) *desk {
	t.Helper()
	d := &desk{dir: t.TempDir(), cluster: c}
	require.NoError(t, v.WriteChart(filepath.Join(d.dir, "chart")))
	leaf := fixtures.Leaf()
	for name, data := range map[string][]byte{"tls.crt": leaf.Crt, "tls.key": leaf.Key, "ca.crt": leaf.CA} {
		d.write(t, name, string(data))
	}
	// No node runs the check that waits for cert-manager's API.
	d.write(t, "values.yaml", "connectionString: "+fixtures.ConnectionString+"\ncert-manager: {startupapicheck: {enabled: false}}\n")
	for name, path := range map[string]string{
		"helm": fixtures.Tool(t, "helm"), "connected-registry-scenario": fixtures.Program(t), "kubectl": parts.Tool(t, "kubectl"),
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(d.dir, "bin"), 0o700))
		require.NoError(t, os.Symlink(path, filepath.Join(d.dir, "bin", name)))
	}
	d.env = append(os.Environ(), "PATH="+filepath.Join(d.dir, "bin")+":"+os.Getenv("PATH"), "HOME="+d.dir,
		"KUBECONFIG="+c.Kubeconfig, "KUBECACHEDIR="+filepath.Join(c.Dir, "kubectl-cache"),
		"HELM_CACHE_HOME="+d.dir, "HELM_CONFIG_HOME="+d.dir, "HELM_DATA_HOME="+d.dir)
	return d
}

func (d *desk) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600))
}

// documented writes one of the documented scenarios as scenario.yaml.
func (d *desk) documented(t *testing.T, row string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "fixtures", "scenarios", row, "scenario.yaml"))
	require.NoError(t, err)
	d.write(t, "scenario.yaml", string(text))
}

func (d *desk) scenario(t *testing.T, spec string) {
	t.Helper()
	d.write(t, "scenario.yaml", "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: site}\nspec: "+spec+"\n")
}

// try runs a script as a person would.
func (d *desk) try(script string) (stdout, stderr string, err error) {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = d.dir, d.env
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

func (d *desk) run(t *testing.T, script string) string {
	t.Helper()
	stdout, stderr, err := d.try(script)
	require.NoError(t, err, "%s\n%s\n%s", script, stdout, stderr)
	return stdout
}

// notOurs are the kinds that servers write by themselves, and let go of by themselves
// at some time: what is compared is what somebody installed.
var notOurs = []string{
	"events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpoints", "endpointslices.discovery.k8s.io",
	"componentstatuses", "apiservices.apiregistration.k8s.io", "controllerrevisions.apps",
}

// everything lists all that the cluster holds, as Kind/namespace/name and its uid. An
// object that was deleted and made again is another one, and so is one that is being
// deleted.
func everything(t *testing.T, c *parts.Cluster) map[string]string {
	t.Helper()
	var kinds []string
	for kind := range strings.FieldsSeq(c.Kubectl(t, "api-resources", "--verbs=list", "--output", "name")) {
		if !slices.Contains(notOurs, kind) {
			kinds = append(kinds, kind)
		}
	}
	found := map[string]string{}
	listed := c.Kubectl(t, "get", strings.Join(kinds, ","), "--all-namespaces", "--output",
		`jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.uid}{.metadata.deletionTimestamp}{"\n"}{end}`)
	for line := range strings.Lines(listed) {
		name, uid, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = uid
	}
	require.NotEmpty(t, found)
	return found
}

// eventuallyAsBefore waits until the cluster holds what it held, and nothing else.
// The rest of what is owned is collected when its owner has gone.
func eventuallyAsBefore(t *testing.T, c *parts.Cluster, before map[string]string, but *regexp.Regexp) {
	t.Helper()
	parts.Eventually(t, "the cluster is as before", func() string {
		var wrong []string
		after := everything(t, c)
		for name, uid := range before {
			if after[name] != uid {
				wrong = append(wrong, "gone: "+name)
			}
		}
		for name := range after {
			if before[name] == "" && (but == nil || !but.MatchString(name)) {
				wrong = append(wrong, "left: "+name)
			}
		}
		slices.Sort(wrong)
		return strings.Join(wrong, "\n")
	})
}
