package postconditions

import (
	"path"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// mountPathsAreUnique: no container of the pod mounts two volumes at one path, or one
// that the pod does not declare. The API server refuses both.
func mountPathsAreUnique(_ *resource.Set, e templated) ([]error, error) {
	var failures []error
	for _, c := range slices.Concat(e.template.Spec.InitContainers, e.template.Spec.Containers) {
		seen := map[string]bool{}
		for _, m := range c.VolumeMounts {
			if seen[path.Clean(m.MountPath)] {
				failures = append(failures, failure(codes.MountMismatch, e.Workload, "have the chart mount one volume there",
					"container %s mounts more than one volume at %s", c.Name, m.MountPath))
			}
			seen[path.Clean(m.MountPath)] = true
			isDeclared := slices.ContainsFunc(e.template.Spec.Volumes, func(v volume) bool { return v.Name == m.Name })
			if !isDeclared && e.Workload.Kind != "StatefulSet" { // which has templates of claims
				failures = append(failures, failure(codes.MountMismatch, e.Workload, "declare it in spec.template.spec.volumes, or remove the mount",
					"container %s mounts volume %s, which the pod does not declare", c.Name, m.Name))
			}
		}
	}
	return failures, nil
}

// mountResolves: the certificate mount leads to exactly the effective Secret,
// read-only, and has its certificate and key; with HTTP there is none.
func mountResolves(_ *resource.Set, e templated) ([]error, error) {
	if !e.TLSStated {
		return nil, nil
	}
	c := e.template.container(e.Container)
	if c == nil {
		return []error{noContainer(e.expected)}, nil
	}
	var failures []error
	var secrets []string
	for _, m := range e.certificateMounts(c) {
		if !m.ReadOnly {
			failures = append(failures, failure(codes.MountMismatch, e.Workload, "write readOnly: true into that mount", "%s is not mounted read-only", m.MountPath))
		}
		secrets = append(secrets, volumeSecrets(e.template, m.Name)...)
	}
	slices.Sort(secrets)
	secrets = slices.Compact(secrets)
	switch {
	case e.HTTP && len(secrets) > 0:
		failures = append(failures, failure(codes.MountMismatch, e.Workload, "take the mount out by chart values", "mounts Secret %s at %s, although HTTP needs none", strings.Join(secrets, ", "), e.CertificatePath))
	case e.HTTP:
	case !slices.Equal(secrets, []string{e.Secret}):
		failures = append(failures, failure(codes.MountMismatch, e.Workload,
			"have the chart mount one Secret there, or say with spec.targets.workload which workload is the registry's", "mounts the Secrets [%s] at %s, expected %q only", strings.Join(secrets, ", "), e.CertificatePath, e.Secret))
	default:
		failures = append(failures, e.missingFiles(c)...)
	}
	return failures, nil
}

// certificateMounts are a container's mounts at the certificate path and below it,
// the shorter paths first.
func (e templated) certificateMounts(c *container) []volumeMount {
	var mounts []volumeMount
	for _, m := range c.VolumeMounts {
		if m.MountPath = path.Clean(m.MountPath); m.MountPath == e.CertificatePath || strings.HasPrefix(m.MountPath, e.CertificatePath+"/") {
			mounts = append(mounts, m)
		}
	}
	slices.SortStableFunc(mounts, func(a, b volumeMount) int { return len(a.MountPath) - len(b.MountPath) })
	return mounts
}

// missingFiles are failures for tls.crt and tls.key of the effective Secret, if they
// are not among the files that the container sees.
func (e templated) missingFiles(c *container) []error {
	files := map[string]string{} // the key by the file's path
	for _, m := range e.certificateMounts(c) {
		for file := range files {
			if file == m.MountPath || strings.HasPrefix(file, m.MountPath+"/") {
				delete(files, file) // the deeper mount hides it
			}
		}
		for _, item := range e.template.secretFiles(m.Name) {
			if file, ok := mounted(m, item.Path); ok {
				files[file] = item.Key
			}
		}
	}
	var failures []error
	for _, key := range []string{"tls.crt", "tls.key"} {
		found := false
		for file, from := range files {
			found = found || from == key && (path.Base(file) == key || !isPair(path.Base(file)))
		}
		if !found {
			failures = append(failures, failure(codes.MountMismatch, e.Workload, "remove subPath and items from the mount and its volume, or list tls.crt and tls.key in items",
				"the container does not find %s of Secret %s below %s", key, e.Secret, e.CertificatePath))
		}
	}
	return failures
}

func isPair(name string) bool { return name == "tls.crt" || name == "tls.key" }

// mounted returns where a volume's file is in the container, and reports whether the
// mount has it.
func mounted(m volumeMount, file string) (string, bool) {
	sub := path.Clean(m.SubPath)
	switch {
	case m.SubPathExpr != "":
		return "", false
	case m.SubPath == "":
		return path.Join(m.MountPath, file), true
	case file == sub:
		return m.MountPath, true
	}
	rest, below := strings.CutPrefix(file, sub+"/")
	return path.Join(m.MountPath, rest), below
}

// secretFiles are the keys that a volume takes from Secrets, and where it puts them.
// A Secret that is mounted whole has the keys of its type.
func (t *podTemplate) secretFiles(volume string) []keyToPath {
	var files []keyToPath
	take := func(secret string, items []keyToPath) {
		if secret != "" && len(items) == 0 {
			items = []keyToPath{{"tls.crt", "tls.crt"}, {"tls.key", "tls.key"}, {"ca.crt", "ca.crt"}}
		}
		files = append(files, items...)
	}
	for _, v := range t.Spec.Volumes {
		if v.Name != volume {
			continue
		}
		take(v.Secret.SecretName, v.Secret.Items)
		for _, source := range v.Projected.Sources {
			take(source.Secret.Name, source.Secret.Items)
		}
	}
	return files
}

func volumeSecrets(template *podTemplate, name string) []string {
	var secrets []string
	for _, v := range template.Spec.Volumes {
		if v.Name != name {
			continue
		}
		secrets = append(secrets, v.Secret.SecretName)
		for _, source := range v.Projected.Sources {
			secrets = append(secrets, source.Secret.Name)
		}
	}
	return slices.DeleteFunc(secrets, func(name string) bool { return name == "" })
}
