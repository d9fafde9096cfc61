package helm_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	kubefake "helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/plugin/helm"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
)

const ownTrust = `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata:
  name: own-trust
spec:
  trustDistribution:
    enabled: false
`

// A program that installs the chart with Helm's SDK, as a dry run.
func Example() {
	layer, err := scenario.Decode("own-trust.yaml", []byte(ownTrust))
	if err != nil {
		log.Fatal(err)
	}
	postRenderer, err := helm.New(helm.Config{
		Layers: []*scenario.Layer{layer},
		Report: func(report *transformers.Report) {
			for _, change := range report.Changes {
				if change.Object.Kind == "DaemonSet" {
					fmt.Println(change)
				}
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	install := action.NewInstall(&action.Configuration{
		Releases:     storage.Init(driver.NewMemory()),
		KubeClient:   &kubefake.PrintingKubeClient{Out: io.Discard},
		Capabilities: chartutil.DefaultCapabilities,
		Log:          func(string, ...any) {},
	})
	install.ReleaseName, install.Namespace = "connected-registry", "connected-registry"
	install.DryRun, install.ClientOnly = true, true
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.31.0", Major: "1", Minor: "31"}
	install.PostRenderer = postRenderer

	release, err := installed(install)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("DaemonSets:", strings.Count(release, "kind: DaemonSet"))
	// Output:
	// DaemonSet/connected-registry-containerd-config: trustdistribution: removed: trust is distributed by other means
	// DaemonSets: 0
}

// installed is what Helm would install of the chart that stands in for the real one.
func installed(install *action.Install) (string, error) {
	dir, err := os.MkdirTemp("", "chart")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	dir = filepath.Join(dir, "connected-registry")
	if err := fixtures.Plain().WriteChart(dir); err != nil {
		return "", err
	}
	chart, err := loader.Load(dir)
	if err != nil {
		return "", err
	}
	release, err := install.Run(chart, map[string]any{"connectionString": fixtures.ConnectionString})
	if err != nil {
		return "", err
	}
	return release.Manifest, nil
}
