// Package postconditions judges a patched render by what must hold on it. It
// shares no code with the transformers, and goes about it another way where it
// can: typed where they edit nodes, by field name where they follow paths. A
// mistake of theirs is then not repeated here.
package postconditions

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/resource"
)

// Expected is what a scenario means for a render, once it is settled which object
// plays which role.
type Expected struct {
	Workload *resource.Object
	// Container is the registry's container within the workload, and
	// CertificatePath where it looks for its certificate.
	Container       string
	CertificatePath string
	// Service is nil where the scenario had no use for it.
	Service *resource.Object
	// Instance and Namespace tell the release's objects from others; either may
	// be empty.
	Instance, Namespace string
	// TLSStated says that the scenario states where the certificate comes from:
	// from Secret, or from nowhere with HTTP.
	TLSStated, HTTP bool
	Secret          string
	// CertManager says that a Certificate writes Secret.
	CertManager bool
	// NoTrust and NoCertManager say that the trust distribution and the bundled
	// cert-manager must be gone.
	NoTrust, NoCertManager bool
	// Removed are the objects taken out, and Vacated the Secrets that only removed
	// Certificates would have written.
	Removed []*resource.Object
	Vacated []string
	// Proxy is the container that must keep pushes out, where Enforced says that one
	// must; where NoProxy does, nothing of it may be left.
	Proxy             string
	Enforced, NoProxy bool
	// ConnectionString is the one that was given, empty for none.
	ConnectionString string

	// template is Workload's, decoded once for the conditions that look at it.
	template *corev1.PodTemplateSpec
}

// Failure is a post-condition that does not hold: a mistake of this program, or a
// render that uses something in a way that nobody foresaw. Nothing may be written.
type Failure struct {
	Document, Object, Message string
}

// Error names the object and what must have held.
func (f Failure) Error() string {
	return fmt.Sprintf("%s: %s: %s; nothing was written: name the objects that are meant with spec.targets, or set it by chart values", f.Document, f.Object, f.Message)
}

func failure(o *resource.Object, format string, args ...any) Failure {
	return Failure{Document: o.Document(), Object: o.String(), Message: fmt.Sprintf(format, args...)}
}

// Check returns every [Failure] joined, or nil.
func Check(set *resource.Set, e Expected) error {
	if e.TLSStated || e.ConnectionString != "" || e.Enforced || e.NoProxy {
		var err error
		if e.template, err = podTemplate(e.Workload); err != nil {
			return err
		}
	}
	var all []error
	for _, check := range []func(*resource.Set, Expected) ([]error, error){
		mountResolves, portsAgree, certificateWritesSecret, nothingDangles, trustIsGone, certManagerIsGone, addedNamesAreUnique, annotationsAreIntact, connectionResolves,
		onlyTheProxyIsReached, proxyIsConfigured, proxyIsConfined, proxyIsGone,
	} {
		failures, err := check(set, e)
		if err != nil {
			return err
		}
		all = append(all, failures...)
	}
	return errors.Join(all...)
}

// podTemplate decodes the workload's pod template with Kubernetes' own types.
func podTemplate(o *resource.Object) (*corev1.PodTemplateSpec, error) {
	encoded, err := o.Node().MarshalJSON()
	if err != nil {
		return nil, failure(o, "not readable as JSON: %v", err)
	}
	var typed struct {
		Spec struct{ Template corev1.PodTemplateSpec }
	}
	if err := json.Unmarshal(encoded, &typed); err != nil {
		return nil, failure(o, "spec.template is no pod template: %v", err)
	}
	return &typed.Spec.Template, nil
}

func container(template *corev1.PodTemplateSpec, name string) *corev1.Container {
	for i := range template.Spec.Containers {
		if template.Spec.Containers[i].Name == name {
			return &template.Spec.Containers[i]
		}
	}
	return nil
}

// mountResolves: the certificate mount leads to exactly the effective Secret,
// read-only; with HTTP there is none.
func mountResolves(_ *resource.Set, e Expected) ([]error, error) {
	if !e.TLSStated {
		return nil, nil
	}
	c := container(e.template, e.Container)
	if c == nil {
		return []error{failure(e.Workload, "has no container %s any more", e.Container)}, nil
	}
	var failures []error
	var secrets []string
	for _, m := range c.VolumeMounts {
		if at := path.Clean(m.MountPath); at != e.CertificatePath && !strings.HasPrefix(at, e.CertificatePath+"/") {
			continue
		}
		if !m.ReadOnly {
			failures = append(failures, failure(e.Workload, "%s is not mounted read-only", m.MountPath))
		}
		secrets = append(secrets, volumeSecrets(e.template, m.Name)...)
	}
	slices.Sort(secrets)
	secrets = slices.Compact(secrets)
	switch {
	case e.HTTP && len(secrets) > 0:
		failures = append(failures, failure(e.Workload, "mounts Secret %s at %s, although HTTP needs none", strings.Join(secrets, ", "), e.CertificatePath))
	case !e.HTTP && !slices.Equal(secrets, []string{e.Secret}):
		failures = append(failures, failure(e.Workload, "mounts the Secrets [%s] at %s, expected %q only", strings.Join(secrets, ", "), e.CertificatePath, e.Secret))
	}
	return failures, nil
}

func volumeSecrets(template *corev1.PodTemplateSpec, name string) []string {
	var secrets []string
	for _, v := range template.Spec.Volumes {
		if v.Name != name {
			continue
		}
		if v.Secret != nil {
			secrets = append(secrets, v.Secret.SecretName)
		}
		if v.Projected != nil {
			for _, source := range v.Projected.Sources {
				if source.Secret != nil {
					secrets = append(secrets, source.Secret.Name)
				}
			}
		}
	}
	return secrets
}

// portsAgree: the Service has a port for the scheme, and leads to ports that the
// container has, where it declares any.
func portsAgree(_ *resource.Set, e Expected) ([]error, error) {
	if !e.TLSStated || e.Service == nil {
		return nil, nil
	}
	encoded, err := e.Service.Node().MarshalJSON()
	if err != nil {
		return nil, failure(e.Service, "not readable as JSON: %v", err)
	}
	var service corev1.Service
	if err := json.Unmarshal(encoded, &service); err != nil {
		return nil, failure(e.Service, "is no Service: %v", err)
	}
	var failures []error
	for _, p := range service.Spec.Ports {
		if p.Name == "https" && e.HTTP || p.Name == "http" && !e.HTTP && len(service.Spec.Ports) == 1 {
			failures = append(failures, failure(e.Service, "port %d is named %s", p.Port, p.Name))
		}
		if !hasContainerPort(e.template, p) {
			failures = append(failures, failure(e.Service, "port %d leads to %s, which no container declares", p.Port, p.TargetPort.String()))
		}
	}
	return failures, nil
}

func hasContainerPort(template *corev1.PodTemplateSpec, p corev1.ServicePort) bool {
	declared := false
	for _, c := range template.Spec.Containers {
		for _, cp := range c.Ports {
			declared = true
			if p.TargetPort.Type == intstr.String && p.TargetPort.StrVal == cp.Name {
				return true
			}
			target := p.TargetPort.IntVal
			if target == 0 {
				target = p.Port
			}
			if p.TargetPort.Type == intstr.Int && target == cp.ContainerPort {
				return true
			}
		}
	}
	return !declared
}

// certificateWritesSecret: where cert-manager is the source, exactly one
// Certificate writes what is mounted; where it is not, none of the release does.
func certificateWritesSecret(set *resource.Set, e Expected) ([]error, error) {
	if !e.TLSStated || e.HTTP {
		return nil, nil
	}
	certificates, err := set.Select([]string{"Certificate"}, e.Secret)
	if err != nil {
		return nil, err
	}
	var writers []string
	for _, o := range certificates {
		if strings.HasPrefix(o.APIVersion, "cert-manager.io/") && e.near(o) && scalar(o.Node().YNode(), "spec", "secretName") == e.Secret {
			writers = append(writers, o.String())
		}
	}
	if e.CertManager && len(writers) != 1 {
		return []error{failure(e.Workload, "Secret %s is written by [%s], expected one Certificate", e.Secret, strings.Join(writers, ", "))}, nil
	}
	return nil, nil
}

// near says whether an object may mean names of the release's namespace.
func (e Expected) near(o *resource.Object) bool {
	return o.Namespace == "" || e.Namespace == "" || o.Namespace == e.Namespace
}

// ofRelease goes by the instance label, and by the namespace without one.
func (e Expected) ofRelease(o *resource.Object) bool {
	if instance := o.Labels()["app.kubernetes.io/instance"]; instance != "" && e.Instance != "" {
		return instance == e.Instance
	}
	return e.near(o)
}

// trustIsGone: no DaemonSet of the release has the runtime's configuration mounted.
func trustIsGone(set *resource.Set, e Expected) ([]error, error) {
	if !e.NoTrust {
		return nil, nil
	}
	daemonSets, err := set.Select([]string{"DaemonSet"}, "hostPath")
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, o := range daemonSets {
		if !e.ofRelease(o) {
			continue
		}
		walk(o.Node().YNode(), func(key string, value *yaml.Node) {
			at := scalar(value, "path")
			if key == "hostPath" && (strings.HasPrefix(at, "/etc/containerd") || strings.HasPrefix(at, "/etc/rancher") || strings.HasPrefix(at, "/etc/docker")) {
				failures = append(failures, failure(o, "still mounts %s of the nodes, although the trust distribution is disabled", at))
			}
		})
	}
	return failures, nil
}

// certManagerIsGone: no CRD, webhook or controller of the release's cert-manager
// is left.
func certManagerIsGone(set *resource.Set, e Expected) ([]error, error) {
	if !e.NoCertManager {
		return nil, nil
	}
	left, err := set.Heads([]string{"CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "Deployment"}, "cert-manager")
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, o := range left {
		instance := o.Labels()["app.kubernetes.io/instance"]
		ours := e.Instance == "" || instance == e.Instance
		chart := strings.HasPrefix(o.Labels()["helm.sh/chart"], "cert-manager-")
		group := o.Kind == "CustomResourceDefinition" && strings.HasSuffix(o.Name, ".cert-manager.io")
		if ours && (chart || group) {
			failures = append(failures, failure(o, "is still there, although the bundled cert-manager was to go"))
		}
	}
	return failures, nil
}

// addedNamesAreUnique: nothing that was added takes the name of something else.
func addedNamesAreUnique(set *resource.Set, e Expected) ([]error, error) {
	all, err := set.Select([]string{"Secret", "Certificate", "Issuer", "ConfigMap"}, "connectedregistry.dev/")
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, o := range all {
		if !o.Added() {
			continue
		}
		same, err := set.Select([]string{o.Kind}, o.Name)
		if err != nil {
			return nil, err
		}
		for _, other := range same {
			if other != o && other.Name == o.Name && (other.Namespace == o.Namespace || e.near(other) && e.near(o)) {
				failures = append(failures, failure(other, "has the name of an object that was added"))
			}
		}
	}
	return failures, nil
}

// annotationsAreIntact: every annotation that an object came with is still there,
// Helm's hooks and the hosts' own above all.
func annotationsAreIntact(set *resource.Set, _ Expected) ([]error, error) {
	var failures []error
	for _, o := range set.Parsed() {
		original := o.OriginalAnnotations()
		if len(original) == 0 {
			continue
		}
		annotations := o.Annotations()
		for _, key := range slices.Sorted(maps.Keys(original)) {
			if now, kept := annotations[key]; !strings.HasPrefix(key, "connectedregistry.dev/") && (!kept || now != original[key]) {
				failures = append(failures, failure(o, "lost or changed its annotation %s", key))
			}
		}
	}
	return failures, nil
}
