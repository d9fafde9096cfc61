package plugin_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// An export made in a kustomization that renames objects works there, or its build fails
// and its comments say why. settings are of the kustomization that lists the component,
// below those of the one beneath it.
func TestExportWhereKustomizeRenames(t *testing.T) {
	leaf := fixtures.Leaf()
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false", "cert-manager.enabled=false", "tls.secret=chart")))
	generator := "secretGenerator:\n- {name: k8secret, namespace: connected-registry, type: kubernetes.io/tls, files: [tls.crt, tls.key]}\n"
	scenario := scenarioText("named", "{readOnly: {enforce: true}, tls: {secret: k8secret}, trustDistribution: {enabled: false}}")
	own := scenarioText("own", "{tls: {secret: mine}, trustDistribution: {enabled: false}}")
	for name, c := range map[string]struct {
		scenario, settings, below string
		fails                     bool
	}{
		"a generated Secret":            {scenario, "", generator, false},
		"a generated Secret beside it":  {scenario, generator, "", false},
		"a namespace":                   {own, "namespace: elsewhere\n", "", false},
		"a namespace below":             {own, "", "namespace: elsewhere\n", false},
		"labels":                        {own, "labels: [{pairs: {team: a}, includeTemplates: true}]\n", "", false},
		"a name prefix":                 {own, "namePrefix: prod-\n", "", true},
		"a name suffix":                 {own, "nameSuffix: -x\n", "", true},
		"a name prefix below, no names": {scenarioText("size", "{pvc: {storageRequest: 20Gi}}"), "", "namePrefix: prod-\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]string{
				"kustomization.yaml":      "resources:\n- base\n" + c.settings,
				"base/kustomization.yaml": onlyRender + c.below,
				"base/render.yaml":        render,
				"base/tls.crt":            string(leaf.Crt), "base/tls.key": string(leaf.Key),
				"tls.crt": string(leaf.Crt), "tls.key": string(leaf.Key),
			}
			before, err := build(t, all, ".")
			require.NoError(t, err)
			export := exportCase{scenario: []byte(c.scenario), input: []byte(stream(before))}
			files, code, stderr := export.export(t, "kustomize")
			require.Zero(t, code, stderr)
			assert.Contains(t, files["kustomization.yaml"], "# List it below namePrefix and nameSuffix")
			all["kustomization.yaml"] += "components:\n- scenario\n"
			for name, text := range files {
				all["scenario/"+name] = text
			}
			built, err := build(t, all, ".")
			if c.fails {
				assert.ErrorContains(t, err, "nothing selected by")
				return
			}
			require.NoError(t, err)
			s := site{"scenario.yaml": c.scenario, "render.yaml": stream(before)}
			code, stdout, stderr := s.call(t, stream(built), "verify", "-s", "scenario.yaml", "--render", "render.yaml")
			assert.Zero(t, code, stdout+stderr)
			code, stdout, stderr = s.call(t, stream(built), "verify", "-s", "scenario.yaml")
			assert.Zero(t, code, stdout+stderr)
		})
	}
}

// A render made without the prefix is what the component is applied to.
func TestExportBelowNamePrefix(t *testing.T) {
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false")))
	scenario := scenarioText("named", "{readOnly: {enforce: true}, tls: {secret: mine}, trustDistribution: {enabled: false}}")
	plain := map[string]string{"kustomization.yaml": onlyRender, "render.yaml": render}
	before, err := build(t, plain, ".")
	require.NoError(t, err)
	files, code, stderr := exportCase{scenario: []byte(scenario), input: []byte(stream(before))}.export(t, "kustomize")
	require.Zero(t, code, stderr)
	all := maps.Clone(plain)
	all["kustomization.yaml"] += "namePrefix: prod-\ncomponents:\n- scenario\n"
	for name, text := range files {
		all["scenario/"+name] = text
	}
	built, err := build(t, all, ".")
	require.NoError(t, err)
	code, stdout, stderr := site{"scenario.yaml": scenario}.call(t, stream(built), "verify", "-s", "scenario.yaml")
	assert.Zero(t, code, stdout+stderr)
}
