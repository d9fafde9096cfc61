// Package postconditions judges a patched render by what must hold on it. It
// shares no code with the transformers, and goes about it another way where it
// can: typed where they edit nodes, by field name where they follow paths. A
// mistake of theirs is then not repeated here.
package postconditions

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
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
	template *podTemplate
	// pod is the same with Kubernetes' own types, where a proxy is judged.
	pod *corev1.PodTemplateSpec
}

// Failure is a post-condition that does not hold: a mistake of this program, or a
// render that uses something in a way that nobody foresaw. Nothing may be written.
type Failure struct {
	// Code says which condition it is.
	Code codes.Code
	// Document is where the object came from, Object its kind and name, and Ref
	// what Kubernetes knows it by.
	Document, Object string
	Ref              resource.Ref
	// Message says what does not hold, Fix what to do about it.
	Message, Fix string
}

// Error names the object, what must have held and what to do.
func (f Failure) Error() string {
	return fmt.Sprintf("%s: %s: %s, so nothing was written; %s", f.Document, f.Object, f.Message, f.Fix)
}

// ErrorCode implements codes.Coded.
func (f Failure) ErrorCode() codes.Code { return f.Code }

func failure(code codes.Code, o *resource.Object, fix, format string, args ...any) Failure {
	return Failure{Code: code, Document: o.Document(), Object: o.String(), Ref: o.Ref(), Message: fmt.Sprintf(format, args...), Fix: fix}
}

// reads is the fix for an object that is not of its kind's form.
const reads = "correct the object where it is made; kubectl apply --dry-run=server names the field"

// Check returns every [Failure] joined, or nil.
func Check(set *resource.Set, e Expected) error {
	if e.TLSStated || e.ConnectionString != "" || e.Enforced || e.NoProxy {
		var err error
		if e.template, err = templateOf(e.Workload); err != nil {
			return err
		}
	}
	if e.Enforced || e.NoProxy {
		var err error
		if e.pod, err = typedTemplate(e.Workload); err != nil {
			return err
		}
	}
	var all []error
	for _, check := range []func(*resource.Set, Expected) ([]error, error){
		mountResolves, portsAgree, certificateWritesSecret, nothingDangles, trustIsGone, certManagerIsGone, addedNamesAreUnique, annotationsAreIntact, connectionResolves,
		onlyTheProxyIsReached, nodeIsNoWayPast, proxyIsConfigured, proxyIsConfined, proxyIsGone,
	} {
		failures, err := check(set, e)
		if err != nil {
			return err
		}
		all = append(all, failures...)
	}
	return errors.Join(all...)
}

// mountResolves: the certificate mount leads to exactly the effective Secret,
// read-only; with HTTP there is none.
func mountResolves(_ *resource.Set, e Expected) ([]error, error) {
	if !e.TLSStated {
		return nil, nil
	}
	c := e.template.container(e.Container)
	if c == nil {
		return []error{noContainer(e)}, nil
	}
	var failures []error
	var secrets []string
	for _, m := range c.VolumeMounts {
		if at := path.Clean(m.MountPath); at != e.CertificatePath && !strings.HasPrefix(at, e.CertificatePath+"/") {
			continue
		}
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
	case !e.HTTP && !slices.Equal(secrets, []string{e.Secret}):
		failures = append(failures, failure(codes.MountMismatch, e.Workload,
			"have the chart mount one Secret there, or say with spec.targets.workload which workload is the registry's", "mounts the Secrets [%s] at %s, expected %q only", strings.Join(secrets, ", "), e.CertificatePath, e.Secret))
	}
	return failures, nil
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

// noContainer is for a workload without the container that was recognised in it.
func noContainer(e Expected) Failure {
	return failure(codes.MountMismatch, e.Workload, "say with spec.targets.workload which workload is the registry's", "has no container %s any more", e.Container)
}

const wrongPort = "have the chart render a Service whose targetPort the container declares, or say with spec.targets.service which Service is meant"

// portsAgree: the Service has a port for the scheme, and leads to ports that the
// container has, where it declares any.
func portsAgree(_ *resource.Set, e Expected) ([]error, error) {
	if !e.TLSStated || e.Service == nil {
		return nil, nil
	}
	ports, err := portsOf(e.Service)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, p := range ports {
		if p.Name == "https" && e.HTTP || p.Name == "http" && !e.HTTP && len(ports) == 1 {
			failures = append(failures, failure(codes.PortMismatch, e.Service, wrongPort, "port %d is named %s", p.Port, p.Name))
		}
		if !hasContainerPort(e.template, p) {
			failures = append(failures, failure(codes.PortMismatch, e.Service, wrongPort, "port %d leads to %s, which no container declares", p.Port, p.target()))
		}
	}
	return failures, nil
}

func hasContainerPort(template *podTemplate, p servicePort) bool {
	declared := false
	for _, c := range template.Spec.Containers {
		for _, cp := range c.Ports {
			declared = true
			if target := p.target(); target == cp.Name || target == strconv.Itoa(int(cp.ContainerPort)) {
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
		return []error{failure(codes.CertificateWriters, e.Workload,
			"leave one of them in the render, and say with spec.targets.certificate which", "Secret %s is written by [%s], expected one Certificate", e.Secret, strings.Join(writers, ", "))}, nil
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
				failures = append(failures, failure(codes.TrustRemains, o,
					"say with spec.targets.trustDistribution that it is meant, or turn it off by chart values", "still mounts %s of the nodes, although the trust distribution is disabled", at))
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
			failures = append(failures, failure(codes.CertManagerRemains, o, "render the chart with cert-manager.install=false", "is still there, although the bundled cert-manager was to go"))
		}
	}
	return failures, nil
}

// addedNamesAreUnique: nothing that was added takes the name of something else.
func addedNamesAreUnique(set *resource.Set, e Expected) ([]error, error) {
	var failures []error
	for _, o := range set.Added() {
		same, err := set.Select([]string{o.Kind}, o.Name)
		if err != nil {
			return nil, err
		}
		for _, other := range same {
			if other != o && other.Name == o.Name && (other.Namespace == o.Namespace || e.near(other) && e.near(o)) {
				failures = append(failures, failure(codes.NameTaken, other, "rename it, or take it out of the render", "has the name of an object that was added"))
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
				failures = append(failures, failure(codes.AnnotationLost, o,
					"report it with this object, and leave out of the scenario what changes it", "lost or changed its annotation %s", key))
			}
		}
	}
	return failures, nil
}
