package transformers

import (
	"path"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// storage gives the registry's volume claim its storage class and its size.
func storage(r *render) error {
	if r.spec.PVC == nil {
		return nil
	}
	o, spec, err := r.claim()
	if err != nil {
		return err
	}
	if class := r.spec.PVC.StorageClassName; class != nil && putText(spec, *class, "storageClassName") {
		r.changed(o, "set storageClassName %s", *class)
	}
	request := r.spec.PVC.StorageRequest
	if request == nil || sameQuantity(text(spec, "resources", "requests", "storage"), *request) {
		return nil
	}
	putText(spec, *request, "resources", "requests", "storage")
	r.changed(o, "set storage request %s", *request)
	return nil
}

// claim returns the object that holds the registry's claim and the claim's spec
// within it: a PersistentVolumeClaim, or a StatefulSet's template of one.
func (r *render) claim() (*resource.Object, *yaml.RNode, error) {
	reg := r.registry
	if err := reg.Ambiguous[registry.PVC]; err != nil {
		return nil, nil, err
	}
	if reg.PVC != nil {
		return reg.PVC, lookup(reg.PVC.Node(), "spec"), nil
	}
	dataPath := reg.DataPath()
	templates := elements(reg.Workload.Node(), "spec", "volumeClaimTemplates")
	for _, template := range templates {
		for _, m := range elements(reg.Container, "volumeMounts") {
			mounted := text(m, "name") == text(template, "metadata", "name")
			if mounted && (len(templates) == 1 || path.Clean(text(m, "mountPath")) == dataPath) {
				return reg.Workload, lookup(template, "spec"), nil
			}
		}
	}
	return nil, nil, problemWith(codes.ClaimNotFound, reg.Workload, "spec.template.spec.volumes",
		"check that the PersistentVolumeClaim is in the stream, or say which it is with spec.targets.pvc",
		"no PersistentVolumeClaim in the stream is mounted at %s", dataPath)
}

// sameQuantity compares by value: 0.5Ti is 512Gi.
func sameQuantity(a, b string) bool {
	x, errX := scenario.ParseQuantity(a)
	y, errY := scenario.ParseQuantity(b)
	return errX == nil && errY == nil && x.Cmp(y) == 0
}
