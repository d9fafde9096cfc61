package transformers

import (
	"path"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/resource"
)

// helmFilenameAnnotation is how Helm 4 keeps documents and template files
// together through a post-renderer; a document without one becomes a
// generated-by-postrender file. Source: helm.sh/helm/v4 pkg/action.
const helmFilenameAnnotation = "postrenderer.helm.sh/postrender-filename"

// add puts a new object of the release into the stream. kustomize's own
// transformers have run by the time that ours do, so it gets its namespace and
// labels here.
func (r *render) add(n *yaml.RNode, why string, args ...any) *resource.Object {
	workload := r.registry.Workload
	if workload.Namespace != "" {
		putText(n, workload.Namespace, "metadata", "namespace")
	}
	content := lookup(workload.Node(), "metadata", "labels").Content()
	for i := 0; i+1 < len(content); i += 2 {
		if key := content[i].Value; strings.HasPrefix(key, "app.kubernetes.io/") || key == registry.HelmChartLabel {
			putText(n, content[i+1].Value, "metadata", "labels", key)
		}
	}
	putText(n, r.running, "metadata", "annotations", registry.AddedByAnnotation)
	if file := workload.Annotations()[helmFilenameAnnotation]; file != "" {
		putText(n, path.Join(path.Dir(file), "connected-registry-scenario.yaml"), "metadata", "annotations", helmFilenameAnnotation)
	}
	o := r.set.Add(n)
	r.changed(o, "added: "+why, args...)
	return o
}

// named returns the object of a kind and name in the release's namespace.
func (r *render) named(kind, name string) (*resource.Object, error) {
	return r.registry.Release.Find(r.set, kind, name)
}
