package cluster_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// Without helm: what is applied on the server's side once is not changed by applying
// it again, and kubectl diff has nothing to say.
func TestApplyTwice(t *testing.T) {
	parts.SharedCluster(t).InstallCertManagerCRDs(t)
	for _, row := range fixtures.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			r := newRelease(t, "apply-"+row.Name)
			r.skipWebhooks(t)
			output := []byte(r.helm(t, helm3(t), "template", r.scenario(t, row.Name), "--no-hooks"))
			r.cluster.Apply(t, output)
			first := r.resourceVersions(t)
			r.cluster.Apply(t, output)
			assert.Equal(t, first, r.resourceVersions(t))
			stdout, stderr, err := r.cluster.KubectlInput(output, "diff", "--server-side", "-f", "-")
			assert.NoError(t, err, stderr)
			assert.Empty(t, stdout)
		})
	}
}

// resourceVersions are those of the objects that no controller writes to.
func (r *release) resourceVersions(t *testing.T) string {
	t.Helper()
	return r.cluster.Kubectl(t, "get", "serviceaccounts,secrets,configmaps,services,roles,rolebindings,issuers,certificates",
		"--namespace", r.variant.Namespace, "--no-headers",
		"-o", "custom-columns=KIND:.kind,NAME:.metadata.name,VERSION:.metadata.resourceVersion,GENERATION:.metadata.generation") +
		r.cluster.Kubectl(t, "get", "deployments,daemonsets", "--namespace", r.variant.Namespace, "--no-headers",
			"-o", "custom-columns=KIND:.kind,NAME:.metadata.name,GENERATION:.metadata.generation")
}

// What Pod Security admission says of the pods: the trust distribution needs
// `privileged`, the registry by itself `baseline`, and what keeps it from
// `restricted` is the chart's, not ours.
func TestPodSecurity(t *testing.T) {
	r := newRelease(t, "pod-security")
	r.createSecret(t)
	r.helm(t, helm3(t), "install", r.scenario(t, "kubernetes-secret"))
	var trust appsv1.DaemonSet
	r.get(t, "daemonset", r.variant.Trust, &trust)

	documented(t, baselineSaysOfTrust, r.admit(t, "baseline", trust.Spec.Template))
	assert.Empty(t, r.admit(t, "privileged", trust.Spec.Template))

	scenarios := map[string]string{
		"own-trust-distribution": r.scenario(t, "own-trust-distribution"),
		"http":                   r.scenario(t, "http"),
		"read-only": r.scenarioOf(t, strings.Replace(readFile(t, r.scenario(t, "own-trust-distribution")), "spec:\n",
			"spec:\n  mode: ReadOnly\n  readOnly:\n    rootFilesystem: true\n    writablePaths: [/tmp]\n", 1)),
	}
	for name, scenario := range scenarios {
		r.helm(t, helm3(t), "upgrade", scenario)
		var registry appsv1.Deployment
		r.get(t, "deployment", r.variant.Release, &registry)
		assert.Empty(t, r.admit(t, "baseline", registry.Spec.Template), name)
		documented(t, restrictedSays, r.admit(t, "restricted", registry.Spec.Template))
	}
}

const (
	restrictedSays = `violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "connected-registry" must set securityContext.allowPrivilegeEscalation=false), ` +
		`unrestricted capabilities (container "connected-registry" must set securityContext.capabilities.drop=["ALL"]), ` +
		`runAsNonRoot != true (pod or container "connected-registry" must set securityContext.runAsNonRoot=true), ` +
		`seccompProfile (pod or container "connected-registry" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`
	baselineSaysOfTrust = `violates PodSecurity "baseline:latest": hostPath volumes (volume "containerd"), ` +
		`privileged (container "containerd-config" must not set securityContext.privileged=true)`
)

// admit asks the API server to make a pod of the template in the namespace under a
// Pod Security level, and returns why it does not.
func (r *release) admit(t *testing.T, level string, template corev1.PodTemplateSpec) string {
	t.Helper()
	r.cluster.Kubectl(t, "label", "namespace", r.variant.Namespace, "--overwrite", "pod-security.kubernetes.io/enforce="+level)
	pod := corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: "tried", Namespace: r.variant.Namespace, Labels: template.Labels},
		Spec:       template.Spec,
	}
	text, err := json.Marshal(pod)
	require.NoError(t, err)
	_, stderr, err := r.cluster.KubectlInput(text, "create", "--dry-run=server", "-f", "-")
	if err == nil {
		return ""
	}
	return stderr
}
