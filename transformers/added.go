package transformers

import (
	"crypto/sha256"
	"encoding/hex"
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

// The longest name of an object, and the longest common name of a certificate, which
// cert-manager checks. Source: Kubernetes' object names; RFC 5280, appendix A.
const (
	longestName       = 253
	longestCommonName = 64
)

// derivedName returns base and suffix as the name of an object. A label's value, which
// base may be, can hold letters that a name cannot.
func derivedName(base, suffix string) string {
	return shortened(strings.ToLower(strings.ReplaceAll(base, "_", "-")), suffix, longestName)
}

// shortened returns base and suffix. If they are too long, base is cut and ends in a
// digest of the whole, so that two long ones stay different.
func shortened(base, suffix string, longest int) string {
	if len(base)+len(suffix) <= longest {
		return base + suffix
	}
	sum := sha256.Sum256([]byte(base))
	suffix = "-" + hex.EncodeToString(sum[:4]) + suffix
	return strings.TrimRight(base[:longest-len(suffix)], "-.") + suffix
}

// named returns the object of a kind and name in the release's namespace.
func (r *render) named(kind, name string) (*resource.Object, error) {
	return r.registry.Release.Find(r.set, kind, name)
}
