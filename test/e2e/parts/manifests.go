package parts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// Deployed is what a kubelet and kube-proxy would make of a patched chart, read from
// its manifests without any of the program's own code.
type Deployed struct {
	Pod       corev1.PodSpec
	Container corev1.Container
	Service   corev1.Service
	Secrets   map[string]corev1.Secret
	// Issued are the manifests of cert-manager's kinds, each as it is.
	Issued []string
}

// ReadDeployed finds the registry in manifests: by its connection string, and its
// Service by its selector.
func ReadDeployed(t testing.TB, manifests string) Deployed {
	t.Helper()
	d := Deployed{Secrets: map[string]corev1.Secret{}}
	var services []corev1.Service
	var podLabels labels.Set
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		var raw runtime.RawExtension
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		var is metav1.TypeMeta
		require.NoError(t, sigsyaml.Unmarshal(raw.Raw, &is))
		switch {
		case is.Kind == "Secret":
			var s corev1.Secret
			require.NoError(t, sigsyaml.Unmarshal(raw.Raw, &s))
			d.Secrets[s.Name] = s
		case is.Kind == "Service":
			var s corev1.Service
			require.NoError(t, sigsyaml.Unmarshal(raw.Raw, &s))
			services = append(services, s)
		case is.Kind == "Deployment" || is.Kind == "StatefulSet":
			var w appsv1.StatefulSet // of a Deployment too, as far as it is read
			require.NoError(t, sigsyaml.Unmarshal(raw.Raw, &w))
			if d.findContainer(w.Spec.Template.Spec) {
				podLabels = w.Spec.Template.Labels
			}
		case strings.HasPrefix(is.APIVersion, "cert-manager.io/"):
			d.Issued = append(d.Issued, string(raw.Raw))
		}
	}
	require.NotEmpty(t, d.Container.Name, "no container has a connection string")
	for _, s := range services {
		if s.Spec.ClusterIP != corev1.ClusterIPNone && labels.SelectorFromSet(s.Spec.Selector).Matches(podLabels) {
			d.Service = s
		}
	}
	require.NotEmpty(t, d.Service.Name, "no Service selects the registry's pods")
	return d
}

func (d *Deployed) findContainer(pod corev1.PodSpec) bool {
	for _, c := range pod.Containers {
		if slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "ACR_REGISTRY_CONNECTION_STRING" }) {
			d.Pod, d.Container = pod, c
			return true
		}
	}
	return false
}

// Ports are the Service's port of that name, and the container's that it leads to.
func (d Deployed) Ports(t testing.TB, name string) (service, container int) {
	t.Helper()
	for _, p := range d.Service.Spec.Ports {
		if p.Name != name {
			continue
		}
		for _, c := range d.Container.Ports {
			if c.Name == p.TargetPort.StrVal && c.Name != "" || c.ContainerPort == p.TargetPort.IntVal {
				return int(p.Port), int(c.ContainerPort)
			}
		}
	}
	require.Failf(t, "no such port", "%s leads from Service %s to no port of container %s", name, d.Service.Name, d.Container.Name)
	return 0, 0
}

// Env is the value of a variable of the container's.
func (d Deployed) Env(name, otherwise string) string {
	for _, e := range d.Container.Env {
		if e.Name == name {
			return e.Value
		}
	}
	return otherwise
}

// Project writes what the container sees below a path to a directory of the same
// layout, as a kubelet projects Secrets: by key and path, with the modes that are
// asked for. Secrets are those of the manifests, and else those of the cluster's.
func (d Deployed) Project(t testing.TB, at string, cluster map[string]corev1.Secret) string {
	t.Helper()
	dir := t.TempDir()
	mounted := false
	for _, m := range d.Container.VolumeMounts {
		below, ok := strings.CutPrefix(path.Clean(m.MountPath)+"/", path.Clean(at)+"/")
		if !ok {
			continue
		}
		mounted = true
		require.True(t, m.ReadOnly, "the mount at %s is writable", m.MountPath)
		i := slices.IndexFunc(d.Pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		require.GreaterOrEqual(t, i, 0, "no volume is called %s", m.Name)
		for name, f := range d.filesOf(t, d.Pod.Volumes[i], cluster) {
			if m.SubPath != "" && m.SubPath != name {
				continue
			}
			if m.SubPath != "" {
				name = ""
			}
			file := filepath.Join(dir, below, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, f.data, f.mode))
		}
	}
	require.True(t, mounted, "nothing is mounted at %s", at)
	return dir
}

type projectedFile struct {
	data []byte
	mode os.FileMode
}

func (d Deployed) filesOf(t testing.TB, v corev1.Volume, cluster map[string]corev1.Secret) map[string]projectedFile {
	t.Helper()
	files := map[string]projectedFile{}
	switch {
	case v.Secret != nil:
		d.project(t, files, v.Secret.SecretName, v.Secret.Items, v.Secret.DefaultMode, cluster)
	case v.Projected != nil:
		for _, source := range v.Projected.Sources {
			if source.Secret != nil {
				d.project(t, files, source.Secret.Name, source.Secret.Items, v.Projected.DefaultMode, cluster)
			}
		}
	default:
		require.Failf(t, "not of a Secret", "volume %s", v.Name)
	}
	return files
}

func (d Deployed) project(t testing.TB, files map[string]projectedFile, name string, items []corev1.KeyToPath, mode *int32, cluster map[string]corev1.Secret) {
	t.Helper()
	secret, ok := d.Secrets[name]
	if !ok {
		secret, ok = cluster[name]
	}
	require.True(t, ok, "Secret %s is neither in the manifests nor in the cluster", name)
	data := map[string][]byte{}
	for key, value := range secret.Data {
		data[key] = value
	}
	for key, value := range secret.StringData {
		data[key] = []byte(value)
	}
	if len(items) == 0 {
		for key := range data {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		require.Contains(t, data, item.Key, "Secret %s", name)
		files[item.Path] = projectedFile{data[item.Key], modeOf(item.Mode, mode)}
	}
}

// modeOf is an item's mode, else its volume's, else Kubernetes' default.
func modeOf(modes ...*int32) os.FileMode {
	for _, mode := range modes {
		if mode != nil {
			return os.FileMode(*mode)
		}
	}
	return 0o644
}

// RunIn runs the program under test in a directory, and returns what it writes to
// stdout and stderr.
func RunIn(dir, program string, stdin []byte, args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errOut
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), errOut.String(), err
}
