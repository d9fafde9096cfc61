package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/fixtures"
)

// inputs are the files that the programs are run on, by name.
type inputs struct {
	dir      string
	scenario string // path
	chart    string // path
	full     []byte // the plain default render, with the bundled cert-manager
	registry []byte // the same without the bundle
}

func newInputs(dir, scenario string) (*inputs, error) {
	in := &inputs{dir: dir, scenario: scenario, chart: filepath.Join(dir, "chart")}
	var err error
	if in.full, err = fixtures.Plain().TryRender(nil); err != nil {
		return nil, err
	}
	if in.registry, err = fixtures.Plain().TryRender(fixtures.Set("cert-manager.install=false")); err != nil {
		return nil, err
	}
	return in, fixtures.Plain().WriteChart(in.chart)
}

// file writes an input and returns its path.
func (in *inputs) file(name string, data []byte) (string, error) {
	path := filepath.Join(in.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

// stream is the registry spread evenly among other documents.
func (in *inputs) stream(documents int) []byte {
	ours := splitDocuments(in.registry)
	var b bytes.Buffer
	every := max(documents/len(ours), 1)
	for i := range documents {
		if i%every == 0 && i/every < len(ours) {
			b.Write(ours[i/every])
			continue
		}
		other(&b, i)
	}
	return b.Bytes()
}

func splitDocuments(stream []byte) [][]byte {
	var documents [][]byte
	for part := range bytes.SplitSeq(bytes.TrimPrefix(stream, []byte("---\n")), []byte("\n---\n")) {
		documents = append(documents, slices.Concat([]byte("---\n"), bytes.TrimSuffix(part, []byte("\n")), []byte("\n")))
	}
	return documents
}

// others are documents of other software, in the mixture of a large cluster's
// repository: all of the kinds that must be looked at, and some larger ones.
var others = []func(*bytes.Buffer, int){
	deployment, service, configMap, deployment, rule, service, configMap, serviceAccount, deployment, configMap,
}

func other(b *bytes.Buffer, i int) {
	if i%50 == 49 {
		crd(b, i)
		return
	}
	others[i%len(others)](b, i)
}

func head(b *bytes.Buffer, apiVersion, kind string, i int) {
	fmt.Fprintf(b, `---
# Source: shop/charts/app/templates/%[2]s.yaml
apiVersion: %[1]s
kind: %[3]s
metadata:
  name: app-%[4]d
  namespace: shop
  labels:
    app.kubernetes.io/name: app
    app.kubernetes.io/instance: app-%[4]d
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: app-1.2.3
`, apiVersion, strings.ToLower(kind), kind, i)
}

func deployment(b *bytes.Buffer, i int) {
	head(b, "apps/v1", "Deployment", i)
	fmt.Fprintf(b, `spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/instance: app-%[1]d
  template:
    metadata:
      labels:
        app.kubernetes.io/instance: app-%[1]d
    spec:
      serviceAccountName: app-%[1]d
      containers:
        - name: app
          image: "registry.example.com/shop/app:1.2.%[1]d"
          args: ["--listen", ":8080"]
          ports:
            - name: http
              containerPort: 8080
`, i)
	for n := range 12 {
		fmt.Fprintf(b, "          # what setting %d is for\n", n)
		if n == 0 {
			b.WriteString("          env:\n")
		}
		fmt.Fprintf(b, "            - name: SETTING_%d\n              value: \"value %d of app %d\"\n", n, n, i)
	}
	b.WriteString("          resources:\n            limits: {cpu: 500m, memory: 256Mi}\n")
}

func service(b *bytes.Buffer, i int) {
	head(b, "v1", "Service", i)
	fmt.Fprintf(b, `spec:
  type: ClusterIP
  ports:
    - name: http
      port: 80
      targetPort: http
  selector:
    app.kubernetes.io/instance: app-%d
`, i)
}

func configMap(b *bytes.Buffer, i int) {
	head(b, "v1", "ConfigMap", i)
	b.WriteString("data:\n  app.conf: |\n")
	for n := range 30 {
		fmt.Fprintf(b, "    # section %d of app %d\n    [section-%d]\n    upstream = http://app-%d.shop.svc:8080/%d\n", n, i, n, i, n)
	}
}

func serviceAccount(b *bytes.Buffer, i int) {
	head(b, "v1", "ServiceAccount", i)
}

func rule(b *bytes.Buffer, i int) {
	head(b, "monitoring.example.com/v1", "AlertRule", i)
	b.WriteString("spec:\n  rules:\n")
	for n := range 10 {
		fmt.Fprintf(b, "    - alert: Alert%d\n      expr: rate(errors{app=\"app-%d\"}[5m]) > %d\n      for: 10m\n", n, i, n)
	}
}

func crd(b *bytes.Buffer, i int) {
	head(b, "apiextensions.k8s.io/v1", "CustomResourceDefinition", i)
	fmt.Fprintf(b, "spec:\n  group: shop%d.example.com\n  scope: Namespaced\n  versions:\n    - name: v1\n      schema:\n        openAPIV3Schema:\n          properties:\n", i)
	for n := range 120 {
		fmt.Fprintf(b, "            field%d:\n              description: What field %d of the custom resource is good for, at some length.\n              type: string\n", n, n)
	}
}

// resourceList is the stream as a KRM function gets it.
func resourceList(stream, scenario []byte) []byte {
	var b bytes.Buffer
	b.WriteString("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n")
	for _, document := range splitDocuments(stream) {
		dash := "- "
		for line := range bytes.Lines(document[len("---\n"):]) {
			if dash == "- " && line[0] == '#' {
				continue
			}
			if len(bytes.TrimSpace(line)) > 0 {
				b.WriteString(dash)
			}
			b.Write(line)
			dash = "  "
		}
	}
	b.WriteString("functionConfig:\n")
	for line := range bytes.Lines(scenario) {
		b.WriteString("  ")
		b.Write(line)
	}
	return b.Bytes()
}
