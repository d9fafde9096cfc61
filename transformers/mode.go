package transformers

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/scenario"
)

const (
	// ModeLabel records the stated mode. The mode itself is a property of the
	// Azure resource, which no manifest can change.
	ModeLabel = "connectedregistry.dev/mode"
	// WritablePrefix is how our emptyDirs are told from the chart's volumes.
	WritablePrefix = "connected-registry-writable-"
)

// mode records the registry's mode and, where the scenario asks for it, makes the
// container's root file system read-only. No push is kept out by that: enforcement
// does. The certificate's mounts are read-only
// by tlsmount, whatever the mode.
func mode(r *render) error {
	if m := r.spec.Mode; m != nil && putText(r.registry.Workload.Node(), string(*m), "metadata", "labels", ModeLabel) {
		r.changed(r.registry.Workload, "recorded mode %s as label %s", *m, ModeLabel)
	}
	readOnly := r.spec.ReadOnly
	if readOnly == nil {
		return nil
	}
	switch {
	case readOnly.RootFilesystem == nil:
	case *readOnly.RootFilesystem:
		paths := readOnly.WritablePaths
		if paths == nil {
			paths = []string{scenario.DefaultWritablePath}
		}
		r.protectRoot(paths)
	default:
		r.releaseRoot()
	}
	return nil
}

func (r *render) protectRoot(paths []string) {
	reg := r.registry
	if putScalar(reg.Container, "true", "securityContext", "readOnlyRootFilesystem") {
		r.changed(reg.Workload, "the root file system of container %s is read-only", text(reg.Container, "name"))
	}
	r.dropWritable(func(at string) bool { return !slices.Contains(paths, at) })
	for _, at := range paths {
		if slices.ContainsFunc(elements(reg.Container, "volumeMounts"), func(m *yaml.RNode) bool {
			return strings.TrimSuffix(text(m, "mountPath"), "/") == at
		}) {
			continue
		}
		name := r.freeVolume(writableVolume(at))
		volume := mapping()
		putText(volume, name, "name")
		put(volume, mapping().YNode(), "emptyDir")
		appendTo(reg.PodSpec(), volume.YNode(), "volumes")
		mount := mapping()
		putText(mount, name, "name")
		putText(mount, at, "mountPath")
		appendTo(reg.Container, mount.YNode(), "volumeMounts")
		r.changed(reg.Workload, "%s stays writable, as an emptyDir", at)
	}
}

// releaseRoot takes the read-only root out again; left out it is writable.
func (r *render) releaseRoot() {
	reg := r.registry
	if drop(reg.Container, "securityContext", "readOnlyRootFilesystem") {
		dropEmpty(reg.Container, "securityContext")
		r.changed(reg.Workload, "the root file system of container %s is writable", text(reg.Container, "name"))
	}
	r.dropWritable(func(string) bool { return true })
}

// dropWritable takes those of our emptyDirs out whose path is unwanted.
func (r *render) dropWritable(unwanted func(path string) bool) {
	var volumes []string
	removeFrom(r.registry.Container, func(m *yaml.RNode) bool {
		name := text(m, "name")
		if !strings.HasPrefix(name, WritablePrefix) || !unwanted(text(m, "mountPath")) {
			return false
		}
		volumes = append(volumes, name)
		r.changed(r.registry.Workload, "took the emptyDir at %s out", text(m, "mountPath"))
		return true
	}, "volumeMounts")
	r.dropUnmounted(volumes)
}

var notInLabel = lazyregexp.New(`[^a-z0-9]+`)

// writableVolume is a volume name, a DNS label, for a path.
func writableVolume(at string) string {
	name := WritablePrefix + strings.Trim(notInLabel().ReplaceAllString(strings.ToLower(at), "-"), "-")
	return strings.TrimRight(name[:min(len(name), 50)], "-")
}
