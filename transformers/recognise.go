package transformers

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// What the registry's container is known by, and its documented environment.
// Source: Microsoft's connected registry documentation and the azure-cli.
const (
	imageRepository = "acr/connected-registry"
	connectionEnv   = "ACR_REGISTRY_CONNECTION_STRING"
	certificateEnv  = "ACR_REGISTRY_CERTIFICATE_VOLUME"
	dataEnv         = "ACR_REGISTRY_DATA_VOLUME"
	loginServerEnv  = "ACR_REGISTRY_LOGIN_SERVER"

	defaultCertificatePath = "/var/acr/certs"
	defaultDataPath        = "/var/acr/data"
)

// The labels by which Helm charts say what belongs together.
const (
	instanceLabel    = "app.kubernetes.io/instance"
	nameLabel        = "app.kubernetes.io/name"
	componentLabel   = "app.kubernetes.io/component"
	chartLabel       = "helm.sh/chart"
	releaseNameLabel = "meta.helm.sh/release-name"
	hookAnnotation   = "helm.sh/hook"
)

// runtimePaths are where container runtimes keep the configuration that a trust
// DaemonSet writes.
var runtimePaths = []string{"/etc/containerd", "/etc/rancher", "/var/lib/rancher", "/etc/docker", "/etc/crio", "/etc/containers"}

var workloadKinds = []string{"Deployment", "StatefulSet"}

// registry is the connected registry as recognised in a render: by what objects
// are, not by what they are called, because the chart's names are not documented.
type registry struct {
	scenario  *scenario.Layer
	release   release
	workload  *resource.Object
	container *yaml.RNode

	// service, pvc and trust are nil where the render holds none. Where it holds
	// several, ambiguous has the error, for whoever needs that role.
	service, pvc, trust *resource.Object
	ambiguous           map[string]error

	// port is the container's port behind the Service's, nil where it declares none.
	port *yaml.RNode
	// http says that the render serves plain HTTP.
	http bool

	// certificatePath is where the container looks for its certificate, and
	// secret the name of the Secret mounted there, empty for none.
	certificatePath string
	secret          string
	// certificate is the cert-manager Certificate that writes that Secret.
	certificate *resource.Object
	// chain is what issues it: Issuers and CA Certificates, the nearest first.
	chain []*resource.Object
	// bundle is the cert-manager that the chart brought along.
	bundle []*resource.Object
	// proxy is what an earlier run put in front of the registry, nil for nothing. All
	// else is recognised as if it were not there.
	proxy *formerProxy
}

// release is what belongs together.
type release struct {
	// name is the Helm release's name. instance is empty where nothing is labelled.
	name, instance string
	// namespace is empty where the manifests leave it to whoever applies them.
	namespace string
}

// owns says whether an object belongs to the release: by its instance label, and
// by its namespace where it has none.
func (r release) owns(o *resource.Object) bool {
	if instance := o.Labels()[instanceLabel]; instance != "" && r.instance != "" {
		return instance == r.instance
	}
	return r.sameNamespace(o.Namespace)
}

// sameNamespace holds for an empty namespace too: it means the release's own.
func (r release) sameNamespace(namespace string) bool {
	return namespace == "" || r.namespace == "" || namespace == r.namespace
}

// newRegistry is one of which nothing is known yet, and what the scenario says of it.
func newRegistry(layer *scenario.Layer) (*registry, scenario.Targets) {
	reg := &registry{scenario: layer, ambiguous: map[string]error{}}
	if stated := layer.Scenario.Spec.Targets; stated != nil {
		return reg, *stated
	}
	return reg, scenario.Targets{}
}

// recognise finds the registry in a render. It fails when there is no workload,
// or more than one and no spec.targets.workload to choose.
func recognise(set *resource.Set, layer *scenario.Layer, namespace string) (*registry, error) {
	reg, targets := newRegistry(layer)
	if err := reg.findWorkload(set, targets.Workload); err != nil {
		return nil, err
	}
	reg.release = releaseOf(reg.workload, namespace)
	// What belongs to the release is named after it, nearly always.
	set.Stem(reg.release.name)
	set.Stem("cert-manager")
	if err := reg.setProxyAside(set); err != nil {
		return nil, err
	}
	reg.certificatePath = path.Clean(reg.env(certificateEnv, defaultCertificatePath))
	reg.secret = reg.mountedSecret()

	steps := []func() error{
		func() error { return reg.findService(set, targets.Service) },
		func() error { return reg.findPVC(set, targets.PVC) },
		func() error { return reg.findTrust(set, targets.TrustDistribution) },
		func() error { return reg.findCertificate(set, targets.Certificate) },
		func() error { return reg.findBundle(set) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	reg.port = reg.containerPort()
	reg.http = reg.servesHTTP()
	return reg, nil
}

func releaseOf(workload *resource.Object, namespace string) release {
	r := release{instance: workload.Labels()[instanceLabel], namespace: workload.Namespace}
	if r.namespace == "" {
		r.namespace = namespace
	}
	r.name = r.instance
	if r.name == "" {
		r.name = workload.Annotations()[releaseNameLabel]
	}
	if r.name == "" {
		r.name = workload.Name // the documentation's: the Deployment is named after the release
	}
	return r
}

// pick returns the one candidate of a role: the one that target selects, or the
// only one there is. None is no error here; several are.
func (reg *registry) pick(role string, candidates []*resource.Object, target *scenario.Target) (*resource.Object, error) {
	if target != nil {
		selected := slices.DeleteFunc(slices.Clone(candidates), func(o *resource.Object) bool { return !selects(target, o) })
		if len(selected) == 0 {
			return nil, reg.scenario.At(codes.TargetNotFound, "spec.targets."+role, "it selects no object; "+listed(candidates), "correct it, or leave it out")
		}
		candidates = selected
	}
	switch len(candidates) {
	case 0:
		return nil, nil
	case 1:
		return candidates[0], nil
	}
	o := candidates[0]
	return nil, reg.scenario.At(codes.TargetAmbiguous, "spec.targets."+role,
		fmt.Sprintf("%d objects could be the %s; %s", len(candidates), roleTitles[role], listed(candidates)),
		fmt.Sprintf("say which with spec.targets.%s: {kind: %s, name: %s}", role, o.Kind, o.Name))
}

var roleTitles = map[string]string{
	"workload":          "registry's workload",
	"service":           "registry's Service",
	"pvc":               "registry's PersistentVolumeClaim",
	"trustDistribution": "trust distribution's DaemonSet",
	"certificate":       "registry's Certificate",
}

func selects(t *scenario.Target, o *resource.Object) bool {
	if t.Kind != "" && t.Kind != o.Kind || t.Name != "" && t.Name != o.Name || t.Namespace != "" && t.Namespace != o.Namespace {
		return false
	}
	labels := o.Labels()
	for key, value := range t.Labels {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// listed names candidates for an error, the first ten of them.
func listed(objects []*resource.Object) string {
	if len(objects) == 0 {
		return "there are no candidates"
	}
	var names []string
	for _, o := range objects[:min(len(objects), 10)] {
		names = append(names, fmt.Sprintf("%s (%s)", o, o.Document()))
	}
	if more := len(objects) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "candidates: " + strings.Join(names, ", ")
}

func (reg *registry) findWorkload(set *resource.Set, target *scenario.Target) error {
	needles := []string{imageRepository, connectionEnv}
	if target != nil {
		needles = nil // an override may name a workload that nothing else would recognise
	}
	all, err := set.Select(workloadKinds, needles...)
	if err != nil {
		return err
	}
	candidates := all
	if target == nil {
		candidates = slices.DeleteFunc(slices.Clone(all), func(o *resource.Object) bool { return registryContainer(o) == nil })
	}
	reg.workload, err = reg.pick("workload", candidates, target)
	if err != nil {
		return err
	}
	if reg.workload == nil {
		return problem(codes.RegistryNotFound, "check that the chart is in the stream, or say which object it is with spec.targets.workload",
			"no connected registry found: no Deployment or StatefulSet runs an image named %s or sets %s", imageRepository, connectionEnv)
	}
	reg.container = registryContainer(reg.workload)
	containers := elements(reg.workload.Node(), "spec", "template", "spec", "containers")
	if hasProxy(reg.workload) {
		containers = slices.DeleteFunc(containers, isProxy)
	}
	if reg.container == nil && len(containers) == 1 {
		reg.container = containers[0]
	}
	if reg.container == nil {
		return problemWith(codes.RegistryNotFound, reg.workload, "spec.template.spec.containers", "choose another workload with spec.targets.workload",
			"none of its containers runs an image named %s or sets %s", imageRepository, connectionEnv)
	}
	return nil
}

// registryContainer returns the container that is the registry: by its
// connection string first, because sidecars may share the image.
func registryContainer(o *resource.Object) *yaml.RNode {
	var byImage *yaml.RNode
	for _, c := range elements(o.Node(), "spec", "template", "spec", "containers") {
		if variable(c, connectionEnv) != nil {
			return c
		}
		if byImage == nil && repository(text(c, "image")) {
			byImage = c
		}
	}
	return byImage
}

// variable is a container's environment variable, nil for none.
func variable(container *yaml.RNode, name string) *yaml.RNode {
	for _, env := range elements(container, "env") {
		if text(env, "name") == name {
			return env
		}
	}
	return nil
}

// repository says whether an image reference's repository ends in
// acr/connected-registry, whatever its registry, tag or digest.
func repository(image string) bool {
	name, _, _ := strings.Cut(image, "@")
	if slash, colon := strings.LastIndex(name, "/"), strings.LastIndex(name, ":"); colon > slash {
		name = name[:colon]
	}
	return name == imageRepository || strings.HasSuffix(name, "/"+imageRepository)
}

func (reg *registry) podSpec() *yaml.RNode {
	return lookup(reg.workload.Node(), "spec", "template", "spec")
}

// env returns the literal value that the registry's container has for name.
func (reg *registry) env(name, otherwise string) string {
	for _, env := range elements(reg.container, "env") {
		if text(env, "name") == name {
			if value := text(env, "value"); value != "" {
				return value
			}
		}
	}
	return otherwise
}

// note keeps an ambiguity for whoever needs the role: a scenario that does not
// concern it must not fail because of it.
func (reg *registry) note(role string, err error) { reg.ambiguous[role] = err }

func (reg *registry) findService(set *resource.Set, target *scenario.Target) error {
	podLabels := stringMap(reg.workload.Node(), "spec", "template", "metadata", "labels")
	var needles []string
	if target == nil {
		for _, value := range podLabels {
			needles = append(needles, value)
		}
		if len(needles) == 0 {
			return nil
		}
	}
	services, err := set.SelectBelow("selector", []string{"Service"}, needles...)
	if err != nil {
		return err
	}
	var matching, headless []*resource.Object
	for _, o := range services {
		selector := stringMap(o.Node(), "spec", "selector")
		if target == nil && (len(selector) == 0 || !subset(selector, podLabels) || !reg.release.sameNamespace(o.Namespace)) {
			continue
		}
		if text(o.Node(), "spec", "clusterIP") == "None" && target == nil {
			headless = append(headless, o)
			continue
		}
		matching = append(matching, o)
	}
	if len(matching) == 0 {
		matching = headless // a StatefulSet's governing Service is its own only where there is no other
	}
	reg.service, err = reg.pick("service", matching, target)
	reg.note("service", err)
	return nil
}

func subset(part, whole map[string]string) bool {
	for key, value := range part {
		if whole[key] != value {
			return false
		}
	}
	return true
}

// claimName returns the claim behind the registry's data directory.
func (reg *registry) claimName() string {
	dataPath := path.Clean(reg.env(dataEnv, defaultDataPath))
	claims := map[string]string{}
	for _, v := range elements(reg.podSpec(), "volumes") {
		if claim := text(v, "persistentVolumeClaim", "claimName"); claim != "" {
			claims[text(v, "name")] = claim
		}
	}
	var only []string
	for _, m := range elements(reg.container, "volumeMounts") {
		claim := claims[text(m, "name")]
		if claim == "" {
			continue
		}
		if path.Clean(text(m, "mountPath")) == dataPath {
			return claim
		}
		only = append(only, claim)
	}
	if len(only) == 1 {
		return only[0]
	}
	return ""
}

func (reg *registry) findPVC(set *resource.Set, target *scenario.Target) error {
	name := reg.claimName()
	var needles []string
	if target == nil {
		if name == "" {
			return nil
		}
		needles = []string{name}
	}
	claims, err := set.Select([]string{"PersistentVolumeClaim"}, needles...)
	if err != nil {
		return err
	}
	if target == nil {
		claims = slices.DeleteFunc(claims, func(o *resource.Object) bool {
			return o.Name != name || !reg.release.sameNamespace(o.Namespace)
		})
	}
	reg.pvc, err = reg.pick("pvc", claims, target)
	reg.note("pvc", err)
	return nil
}

func (reg *registry) findTrust(set *resource.Set, target *scenario.Target) error {
	needles := append([]string{"containerd-config"}, runtimePaths...)
	if target != nil {
		needles = nil
	}
	daemonSets, err := set.Select([]string{"DaemonSet"}, needles...)
	if err != nil {
		return err
	}
	if target == nil {
		daemonSets = slices.DeleteFunc(daemonSets, func(o *resource.Object) bool {
			return !configuresRuntime(o) || !reg.release.owns(o)
		})
	}
	reg.trust, err = reg.pick("trustDistribution", daemonSets, target)
	reg.note("trustDistribution", err)
	return nil
}

// configuresRuntime says whether a DaemonSet's pods write the configuration of
// the nodes' container runtime.
func configuresRuntime(o *resource.Object) bool {
	if strings.Contains(o.Name, "containerd-config") {
		return true
	}
	for _, v := range elements(o.Node(), "spec", "template", "spec", "volumes") {
		hostPath := path.Clean(text(v, "hostPath", "path"))
		for _, dir := range runtimePaths {
			if hostPath == dir || strings.HasPrefix(hostPath, dir+"/") {
				return true
			}
		}
	}
	return false
}

// mountedSecret returns the name of the Secret that the registry's container
// finds at its certificate path, empty for none.
func (reg *registry) mountedSecret() string {
	for _, m := range elements(reg.container, "volumeMounts") {
		if !reg.isCertificateMount(m) {
			continue
		}
		for _, v := range elements(reg.podSpec(), "volumes") {
			if text(v, "name") != text(m, "name") {
				continue
			}
			if name := text(v, "secret", "secretName"); name != "" {
				return name
			}
			for _, source := range elements(v, "projected", "sources") {
				if name := text(source, "secret", "name"); name != "" {
					return name
				}
			}
		}
	}
	return ""
}

// isCertificateMount goes by the path and not by the volume's name, which is not
// documented. Files may be mounted one by one, by subPath.
func (reg *registry) isCertificateMount(mount *yaml.RNode) bool {
	at := path.Clean(text(mount, "mountPath"))
	return at == reg.certificatePath || strings.HasPrefix(at, reg.certificatePath+"/")
}

// containerPort finds the port that the Service's first HTTP(S) port leads to.
func (reg *registry) containerPort() *yaml.RNode {
	if reg.service == nil {
		return nil
	}
	ports := elements(reg.service.Node(), "spec", "ports")
	i := slices.IndexFunc(ports, func(p *yaml.RNode) bool {
		name, number := text(p, "name"), text(p, "port")
		return name == "https" || name == "http" || number == "443" || number == "80"
	})
	if i < 0 {
		return nil
	}
	target := text(ports[i], "targetPort")
	if target == "" {
		target = text(ports[i], "port")
	}
	for _, p := range elements(reg.container, "ports") {
		if text(p, "name") == target || text(p, "containerPort") == target {
			return p
		}
	}
	return nil
}

// servesHTTP says whether the render is one without TLS: nothing is mounted where
// the certificate goes, and no port of the Service looks like HTTPS.
func (reg *registry) servesHTTP() bool {
	if reg.secret != "" {
		return false
	}
	if reg.service == nil {
		return true
	}
	for _, port := range elements(reg.service.Node(), "spec", "ports") {
		if text(port, "port") == "443" || text(port, "name") == "https" {
			return false
		}
	}
	return true
}
