package plugin

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/connected-registry/scenario"

// goPackage is what `go list -deps -json` says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
}

func dependencies(t *testing.T, pattern ...string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-deps", "-json=ImportPath,Imports"}, pattern...)...).Output()
	require.NoError(t, err)
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

// The transformers and the scenario know nothing of the machine they run on.
func TestPurePackages(t *testing.T) {
	pure := 0
	for _, p := range dependencies(t, module+"/transformers/...", module+"/scenario/...", module+"/codes") {
		if !strings.HasPrefix(p.ImportPath, module+"/") {
			continue
		}
		pure++
		for _, forbidden := range []string{"os", "os/exec", "os/signal", "net", "net/http", "syscall"} {
			assert.NotContains(t, p.Imports, forbidden, p.ImportPath)
		}
	}
	assert.GreaterOrEqual(t, pure, 4)
}

// Start-up is part of the product: Helm's SDK and client-go are not linked.
func TestNothingHeavyIsLinked(t *testing.T) {
	for _, p := range dependencies(t, module) {
		for _, forbidden := range []string{"helm.sh/helm", "k8s.io/api/", "github.com/cert-manager", "k8s.io/client-go", "k8s.io/kubectl", "sigs.k8s.io/kustomize/api", "sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"} {
			isLight := p.ImportPath == "sigs.k8s.io/kustomize/api/hasher" // it imports kyaml only
			assert.False(t, strings.HasPrefix(p.ImportPath, forbidden) && !isLight, p.ImportPath)
		}
	}
}

// Imports run one way: main, plugin, transformers, scenario, codes.
func TestImportsRunOneWay(t *testing.T) {
	layers := []string{module, module + "/plugin", module + "/transformers", module + "/scenario", module + "/codes"}
	layer := func(path string) int {
		for i := len(layers) - 1; i > 0; i-- {
			if path == layers[i] || strings.HasPrefix(path, layers[i]+"/") {
				return i
			}
		}
		return slices.Index(layers, path)
	}
	for _, p := range dependencies(t, module) {
		from := layer(p.ImportPath)
		if from < 0 {
			continue
		}
		for _, imported := range p.Imports {
			if to := layer(imported); to >= 0 {
				assert.GreaterOrEqual(t, to, from, "%s imports %s", p.ImportPath, imported)
			}
		}
	}
	// Pairs of which the first must not know the second.
	for from, walls := range map[string][]string{
		"/transformers/postconditions": {"/transformers", "/transformers/registry", "/transformers/node"},
		"/transformers/decision":       {"/transformers", "/transformers/registry", "/transformers/postconditions"},
		"/transformers/registry":       {"/transformers", "/transformers/decision", "/transformers/postconditions"},
		"/transformers/resource":       {"/transformers/registry", "/transformers/decision"},
		"/transformers/node":           {"/transformers/resource", "/scenario", "/codes"},
	} {
		for _, p := range dependencies(t, module+from) {
			for _, wall := range walls {
				assert.False(t, p.ImportPath == module+wall, "%s imports %s", from, wall)
			}
		}
	}
	for _, p := range dependencies(t, module) {
		if p.ImportPath == module {
			assert.NotContains(t, p.Imports, module+"/transformers")
			assert.NotContains(t, p.Imports, module+"/scenario")
		}
	}
}
