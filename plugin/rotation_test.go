package plugin_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/transformers/registry"
)

const digestAnnotation = "connectedregistry.dev/tls-digest"

// A rotated certificate rolls the pod by its digest on the pod template, and changes
// nothing else there; in all the stream only the Secret's data differs beside it. The
// program is the built one, and so is its clock the machine's.
func TestRotationOfACertificate(t *testing.T) {
	leaf, renewed := fixtures.Leaf(), fixtures.RenewedLeaf()
	otherCA := fixtures.SelfSignedLeaf()
	for _, v := range fixtures.Variants() {
		for from, values := range map[string]map[string]any{
			"the scenario's Secret": fixtures.Set("cert-manager.install=false"),
			"the chart's Secret":    fixtures.Merge(fixtures.Set("cert-manager.enabled=false", "cert-manager.install=false"), leaf.Values()),
		} {
			if v.HTTPOnly {
				values = fixtures.Set("httpEnabled=true")
			}
			t.Run(v.Name+"/"+from, func(t *testing.T) {
				render := v.Render(t, values)
				before := rotated(t, v, render, leaf)
				assert.Equal(t, before, rotated(t, v, render, leaf), "the same certificate changes nothing")
				assertRotated(t, before, rotated(t, v, render, renewed), "tls.crt", "tls.key")
				assertRotated(t, before, rotated(t, v, render, otherCA), "ca.crt", "tls.crt", "tls.key")

				// What was patched with the one and is patched with the other is as afresh.
				assert.Equal(t, rotated(t, v, render, renewed), rotated(t, v, []byte(before), renewed))
			})
		}
	}
}

// rotated is what the program makes of a render with a certificate.
func rotated(t *testing.T, v fixtures.Variant, render []byte, pair fixtures.Pair) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"scenario.yaml": rotationHead + "  certManager: {enabled: false, install: false}\n  tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: ca.crt}\n  trustDistribution: {enabled: false}\n",
		"tls.crt":       string(pair.Crt), "tls.key": string(pair.Key), "ca.crt": string(pair.CA),
	})
	cmd := exec.Command(fixtures.Program(t), "post-render", "--quiet", "--namespace", v.Namespace, "--scenario", "scenario.yaml")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(render))
	stdout, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	return stdout
}

const rotationHead = "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: rotation}\nspec:\n"

// assertRotated compares two results: the digest, keys of one Secret, and the record of
// the run on the workload itself differ, and no byte else.
func assertRotated(t *testing.T, before, after string, keys ...string) {
	t.Helper()
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	require.Len(t, now, len(old))
	var changed []string
	for i := range old {
		if old[i] != now[i] {
			key, _, _ := strings.Cut(strings.TrimSpace(now[i]), ":")
			changed = append(changed, key)
			assert.Equal(t, strings.SplitN(old[i], ":", 2)[0], strings.SplitN(now[i], ":", 2)[0])
		}
	}
	slices.Sort(changed)
	want := append([]string{digestAnnotation, registry.DigestAnnotation}, keys...)
	slices.Sort(want)
	assert.Equal(t, want, changed)

	oldTemplate, newTemplate := podTemplate(t, before), podTemplate(t, after)
	oldDigest, newDigest := takeDigest(t, oldTemplate), takeDigest(t, newTemplate)
	assert.NotEqual(t, oldDigest, newDigest)
	assert.Equal(t, oldTemplate, newTemplate, "the digest alone rolls the pod")
}

// podTemplate is the registry's.
func podTemplate(t *testing.T, stream string) map[string]any {
	t.Helper()
	for _, document := range strings.Split(stream, "\n---") {
		if !strings.Contains(document, digestAnnotation) {
			continue
		}
		var workload struct {
			Spec struct {
				Template map[string]any `json:"template"`
			} `json:"spec"`
		}
		_, document, _ = strings.Cut(document, "apiVersion:")
		require.NoError(t, yaml.Unmarshal([]byte("apiVersion:"+document), &workload))
		return workload.Spec.Template
	}
	require.Fail(t, "no pod template has a digest")
	return nil
}

// takeDigest takes the annotation out of a pod template and returns it.
func takeDigest(t *testing.T, template map[string]any) string {
	t.Helper()
	annotations := template["metadata"].(map[string]any)["annotations"].(map[string]any)
	digest, err := json.Marshal(annotations[digestAnnotation])
	require.NoError(t, err)
	delete(annotations, digestAnnotation)
	return string(digest)
}
