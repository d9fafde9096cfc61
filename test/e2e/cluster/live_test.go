package cluster_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/test/e2e/parts"
)

// What a release of the chart can have, in its namespace and outside. Pods and
// ReplicaSets follow from these.
const (
	namespaced = "serviceaccounts,secrets,configmaps,services,persistentvolumeclaims,deployments,daemonsets,statefulsets,jobs," +
		"roles,rolebindings,issuers,certificates"
	elsewhere = "clusterroles,clusterrolebindings,validatingwebhookconfigurations,mutatingwebhookconfigurations,roles,rolebindings"
)

// live are the objects of the release and of its namespace as YAML, by kind and name,
// without what the API server and controllers write.
func (r *release) live(t *testing.T) map[string]string {
	t.Helper()
	objects := map[string]string{}
	for _, args := range [][]string{
		{namespaced, "--namespace", r.variant.Namespace},
		{elsewhere, "--all-namespaces", "--selector", "app.kubernetes.io/instance=" + r.variant.Release},
	} {
		text := r.cluster.Kubectl(t, append([]string{"get", "-o", "json"}, args...)...)
		var list unstructured.UnstructuredList
		require.NoError(t, list.UnmarshalJSON([]byte(text)))
		for _, object := range list.Items {
			if ofTheCluster(object) {
				continue
			}
			r.normalise(object)
			text, err := yaml.Marshal(object.Object)
			require.NoError(t, err)
			objects[object.GetNamespace()+" "+object.GetKind()+"/"+object.GetName()] = string(text)
		}
	}
	return objects
}

// ofTheCluster says that every namespace has the object, or that helm keeps its
// books in it.
func ofTheCluster(object unstructured.Unstructured) bool {
	kind, _, _ := unstructured.NestedString(object.Object, "type")
	return object.GetName() == "kube-root-ca.crt" || object.GetKind() == "ServiceAccount" && object.GetName() == "default" ||
		kind == "helm.sh/release.v1"
}

func (r *release) normalise(object unstructured.Unstructured) {
	if address, _, _ := unstructured.NestedString(object.Object, "spec", "clusterIP"); address != r.address {
		// one that the API server chose
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIPs")
	}
	unstructured.RemoveNestedField(object.Object, "status")
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
	annotations := object.GetAnnotations()
	maps.DeleteFunc(annotations, func(key, _ string) bool {
		return slices.Contains([]string{"deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"}, key)
	})
	object.SetAnnotations(annotations)
}

// requireLive compares what is there with what should be.
func (r *release) requireLive(t *testing.T, want map[string]string, why string) {
	t.Helper()
	got := r.live(t)
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), why)
	for id, text := range want {
		require.Equal(t, text, got[id], "%s: %s", why, id)
	}
}

// uninstall takes the release away and waits until it is.
func (r *release) uninstall(t *testing.T, h helm, left map[string]string) {
	t.Helper()
	_, stderr, err := r.try(t, h, "uninstall", r.variant.Release, "--no-hooks")
	require.NoError(t, err, stderr)
	parts.Eventually(t, "the release is gone", func() string {
		got := r.live(t)
		if len(got) == len(left) {
			return ""
		}
		return strings.Join(slices.Sorted(maps.Keys(got)), ", ")
	})
}

// revision is the release's current one.
func (r *release) revision(t *testing.T, h helm) string {
	t.Helper()
	stdout, stderr, err := r.try(t, h, "status", r.variant.Release, "-o", "json")
	require.NoError(t, err, stderr)
	var status struct{ Version int }
	require.NoError(t, json.Unmarshal([]byte(stdout), &status))
	return fmt.Sprint(status.Version)
}
