package resource

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const benchDocument = `---
# Source: chart/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%d
  labels:
    app.kubernetes.io/name: web
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web-%d
  template:
    metadata:
      labels:
        app: web-%d
    spec:
      containers:
        - name: web
          image: "registry.example.com/web:%s"
          args: ["--listen", ":8080"]
          ports:
            - containerPort: 8080
`

// benchStream returns a stream of which ten documents hold "wanted".
func benchStream(documents int) []byte {
	var b bytes.Buffer
	for i := range documents {
		tag := "1.0"
		if i%(documents/10) == 0 {
			tag = "wanted"
		}
		fmt.Fprintf(&b, benchDocument, i, i, i, tag)
	}
	return b.Bytes()
}

func BenchmarkParseStreamSelect(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		src := benchStream(n)
		for _, by := range []string{"needle", "kind"} {
			b.Run(fmt.Sprintf("%s/%d", by, n), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				b.ReportAllocs()
				for b.Loop() {
					benchSelect(b, src, by)
				}
			})
		}
	}
}

// benchSelect changes ten documents, or looks at all and changes none.
func benchSelect(b *testing.B, src []byte, by string) {
	s, err := ParseStream(src)
	require.NoError(b, err)
	kinds, needles, want := []string{"Deployment"}, []string{"wanted"}, 10
	if by == "kind" {
		kinds, needles, want = []string{"Service"}, nil, 0
	}
	objects, err := s.Select(kinds, needles...)
	require.NoError(b, err)
	require.Len(b, objects, want)
	for _, o := range objects {
		require.NoError(b, o.Node().PipeE(yaml.LookupCreate(yaml.MappingNode, "metadata", "labels"),
			yaml.SetField("added", yaml.NewStringRNode("yes"))))
	}
	_, err = s.WriteTo(io.Discard)
	require.NoError(b, err)
}

func BenchmarkKyaml(b *testing.B) {
	src := benchStream(1000)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, kio.Pipeline{
			Inputs:  []kio.Reader{&kio.ByteReader{Reader: bytes.NewReader(src), OmitReaderAnnotations: true}},
			Outputs: []kio.Writer{kio.ByteWriter{Writer: io.Discard}},
		}.Execute())
	}
}

func benchResourceList(documents int) []byte {
	var b bytes.Buffer
	b.WriteString("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n")
	for _, document := range strings.Split(string(benchStream(documents)), "---\n")[1:] {
		for i, line := range strings.Split(strings.TrimSuffix(document, "\n"), "\n")[1:] {
			b.WriteString([]string{"- ", "  "}[min(i, 1)] + line + "\n")
		}
	}
	return b.Bytes()
}

func BenchmarkResourceList(b *testing.B) {
	src := benchResourceList(1000)
	b.Run("resource", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		b.ReportAllocs()
		for b.Loop() {
			s, err := ParseResourceList(src)
			require.NoError(b, err)
			objects, err := s.Select([]string{"Deployment"}, "wanted")
			require.NoError(b, err)
			require.NoError(b, objects[0].Node().PipeE(yaml.SetField("added", yaml.NewStringRNode("x"))))
			_, err = s.Bytes()
			require.NoError(b, err)
		}
	})
	b.Run("kyaml", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		b.ReportAllocs()
		for b.Loop() {
			rw := &kio.ByteReadWriter{Reader: bytes.NewReader(src), Writer: io.Discard}
			require.NoError(b, kio.Pipeline{Inputs: []kio.Reader{rw}, Outputs: []kio.Writer{rw}}.Execute())
		}
	})
}
