package registry

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// What the registry's container is known by, and its documented environment.
// Source: Microsoft's connected registry documentation and the azure-cli.
const (
	imageRepository = "acr/connected-registry"
	ConnectionEnv   = "ACR_REGISTRY_CONNECTION_STRING"
	CertificateEnv  = "ACR_REGISTRY_CERTIFICATE_VOLUME"
	DataEnv         = "ACR_REGISTRY_DATA_VOLUME"
	LoginServerEnv  = "ACR_REGISTRY_LOGIN_SERVER"

	defaultCertificatePath = "/var/acr/certs"
	defaultDataPath        = "/var/acr/data"
)

// WorkloadKinds are the kinds that can run the registry.
var WorkloadKinds = []string{"Deployment", "StatefulSet"}

func (reg *Registry) findWorkload(set *resource.Set, target *scenario.Target) error {
	needles := []string{imageRepository, ConnectionEnv}
	if target != nil {
		needles = nil // an override may name a workload that nothing else would recognize
	}
	all, err := set.Select(WorkloadKinds, needles...)
	if err != nil {
		return err
	}
	candidates := withoutFacts(all)
	if target == nil {
		candidates = slices.DeleteFunc(candidates, func(e Evidence) bool {
			isOther := ContainerOf(e.Object) == nil
			if isOther {
				reg.reject(Workload, e.Object, OtherImage, runsImages(e.Object))
			}
			return isOther
		})
	}
	for i := range candidates {
		if c := ContainerOf(candidates[i].Object); Variable(c, ConnectionEnv) != nil {
			candidates[i].add(ConnectionVariable, "sets "+ConnectionEnv)
		} else if c != nil {
			candidates[i].add(RegistryImage, "runs image "+node.Text(c, "image"))
		}
	}
	reg.Candidates[Workload] = candidates
	reg.Workload, err = reg.pick(Workload, candidates, target)
	if err != nil {
		return err
	}
	if reg.Workload == nil {
		return resource.ProblemOf(codes.RegistryNotFound, "check that the chart is in the stream, or say which object it is with spec.targets.workload",
			"no connected registry found: no Deployment or StatefulSet runs an image named %s or sets %s", imageRepository, ConnectionEnv)
	}
	reg.Container = ContainerOf(reg.Workload)
	containers := node.Items(reg.Workload.Node(), "spec", "template", "spec", "containers")
	if HasProxy(reg.Workload) {
		containers = slices.DeleteFunc(containers, IsProxy)
	}
	if reg.Container == nil && len(containers) == 1 {
		reg.Container = containers[0]
	}
	if reg.Container == nil {
		return resource.ProblemWith(codes.RegistryNotFound, reg.Workload, "spec.template.spec.containers", "choose another workload with spec.targets.workload",
			"none of its containers runs an image named %s or sets %s", imageRepository, ConnectionEnv)
	}
	return nil
}

// ContainerOf returns the container that is the registry: by its connection
// string first, because sidecars may share the image.
func ContainerOf(o *resource.Object) *yaml.RNode {
	var byImage *yaml.RNode
	for _, c := range node.Items(o.Node(), "spec", "template", "spec", "containers") {
		if Variable(c, ConnectionEnv) != nil {
			return c
		}
		if byImage == nil && isRegistryImage(node.Text(c, "image")) {
			byImage = c
		}
	}
	return byImage
}

// Variable returns a container's environment variable, nil for none.
func Variable(container *yaml.RNode, name string) *yaml.RNode {
	for _, env := range node.Items(container, "env") {
		if node.Text(env, "name") == name {
			return env
		}
	}
	return nil
}

// isRegistryImage reports whether an image reference's repository ends in
// acr/connected-registry, whatever its registry, tag or digest.
func isRegistryImage(image string) bool {
	name, _, _ := strings.Cut(image, "@")
	if slash, colon := strings.LastIndex(name, "/"), strings.LastIndex(name, ":"); colon > slash {
		name = name[:colon]
	}
	return name == imageRepository || strings.HasSuffix(name, "/"+imageRepository)
}

// PodSpec returns the spec of the workload's pods.
func (reg *Registry) PodSpec() *yaml.RNode {
	return node.Lookup(reg.Workload.Node(), "spec", "template", "spec")
}

// Containers returns the pod's containers, init containers included.
func (reg *Registry) Containers() []*yaml.RNode {
	pod := reg.PodSpec()
	return append(node.Items(pod, "initContainers"), node.Items(pod, "containers")...)
}

// Env returns the literal value that the registry's container has for a variable. Of two
// with one name, Kubernetes takes the last.
func (reg *Registry) Env(name, otherwise string) string {
	value := otherwise
	for _, env := range node.Items(reg.Container, "env") {
		if stated := node.Text(env, "value"); node.Text(env, "name") == name && stated != "" {
			value = stated
		}
	}
	return value
}

// DataPath is where the registry keeps its data.
func (reg *Registry) DataPath() string { return path.Clean(reg.Env(DataEnv, defaultDataPath)) }

// mountedSecret returns the name of the Secret that the registry's container finds at
// its certificate path, empty for none.
func (reg *Registry) mountedSecret() string {
	for _, m := range node.Items(reg.Container, "volumeMounts") {
		if !reg.IsCertificateMount(m) {
			continue
		}
		for _, v := range node.Items(reg.PodSpec(), "volumes") {
			if node.Text(v, "name") != node.Text(m, "name") {
				continue
			}
			if name := node.Text(v, "secret", "secretName"); name != "" {
				return name
			}
			for _, source := range node.Items(v, "projected", "sources") {
				if name := node.Text(source, "secret", "name"); name != "" {
					return name
				}
			}
		}
	}
	return ""
}

// IsCertificateMount reports whether a mount is at the certificate path or below it,
// because files may be mounted one by one, by subPath. The volume's name is not
// documented.
func (reg *Registry) IsCertificateMount(mount *yaml.RNode) bool {
	at := path.Clean(node.Text(mount, "mountPath"))
	return at == reg.CertificatePath || strings.HasPrefix(at, reg.CertificatePath+"/")
}

// containerPort finds the port that the Service's first HTTP(S) port leads to.
func (reg *Registry) containerPort() *yaml.RNode {
	if reg.Service == nil {
		return nil
	}
	ports := node.Items(reg.Service.Node(), "spec", "ports")
	i := slices.IndexFunc(ports, func(p *yaml.RNode) bool {
		name, number := node.Text(p, "name"), node.Text(p, "port")
		return name == "https" || name == "http" || number == "443" || number == "80"
	})
	if i < 0 {
		return nil
	}
	target := TargetBeforeProxy(reg.Service, ports[i])
	for _, p := range node.Items(reg.Container, "ports") {
		if node.Text(p, "name") == target || node.Text(p, "containerPort") == target {
			return p
		}
	}
	return nil
}

// servesHTTP reports whether the registry serves no TLS: nothing is mounted at the
// certificate path, and no port of the Service looks like HTTPS.
func (reg *Registry) servesHTTP() bool {
	if reg.Secret != "" {
		return false
	}
	if reg.Service == nil {
		return true
	}
	for _, port := range node.Items(reg.Service.Node(), "spec", "ports") {
		if node.Text(port, "port") == "443" || node.Text(port, "name") == "https" {
			return false
		}
	}
	return true
}
