package transformers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

const (
	// tokenPathAnnotation on the ConfigMap is for runs of scenarios that say nothing
	// of the proxy, and must not change it.
	tokenPathAnnotation = "connectedregistry.dev/token-path"

	proxyContainer    = registry.ProxyContainer
	proxyVolumePrefix = proxyContainer + "-"
)

// formerProxy is what an earlier run put in front of the registry.
type formerProxy struct {
	// container is nil where it is not there any more.
	container *yaml.RNode
	// containers and volumes are the pod's lists as they came, ours among them.
	containers, volumes []*yaml.Node
	// services are those whose ports it moved, and targets where each of their ports
	// led as they came.
	services []*resource.Object
	targets  map[*yaml.Node]string
}

func isProxyVolume(volume *yaml.RNode) bool {
	return strings.HasPrefix(text(volume, "name"), proxyVolumePrefix)
}

// setProxyAside takes the proxy of an earlier run out, so that the registry is
// recognised and patched as the chart rendered it. enforcement puts it back, to the
// very place if nothing has changed; until then the annotations stay.
func (r *render) setProxyAside() error {
	reg := r.registry
	if !registry.HasProxy(reg.Workload) {
		return nil
	}
	former := &formerProxy{targets: map[*yaml.Node]string{}}
	pod := reg.PodSpec()
	former.containers = slices.Clone(lookup(pod, "containers").Content())
	if volumes := lookup(pod, "volumes"); volumes != nil {
		former.volumes = slices.Clone(volumes.Content())
	}
	removeFrom(pod, func(c *yaml.RNode) bool {
		if registry.IsProxy(c) {
			former.container = c
		}
		return registry.IsProxy(c)
	}, "containers")
	removeFrom(pod, isProxyVolume, "volumes")

	services, err := r.set.Select([]string{"Service"}, registry.TargetPortsAnnotation)
	if err != nil {
		return err
	}
	for _, o := range services {
		if o.Annotations()[registry.TargetPortsAnnotation] == "" || !reg.IsSelectedBy(o) {
			continue // another registry's, perhaps
		}
		former.services = append(former.services, o)
		was := registry.TargetPorts(o)
		for _, p := range elements(o.Node(), "spec", "ports") {
			former.targets[p.YNode()] = text(p, "targetPort")
			before, known := was[text(p, "port")]
			if now := text(p, "targetPort"); known && (now == "" || isProxyPort(now)) {
				setTargetPort(p, orElse(before, text(p, "port")))
			}
		}
	}
	r.proxy = former
	return nil
}

// enforced says whether pushes are to be kept out: as stated, else as it is.
func (r *render) enforced() bool {
	if r.spec.ReadOnly != nil && r.spec.ReadOnly.Enforce != nil {
		return *r.spec.ReadOnly.Enforce
	}
	if r.spec.Mode != nil && *r.spec.Mode == scenario.ReadWriteMode {
		return false
	}
	return r.registry.Proxied
}

// enforcement puts a proxy that lets no push through between the registry's
// Services and its container: nginx in the same pod, configured by a ConfigMap. A
// client that reaches the pod itself is not kept out; docs/security.md says what is.
func enforcement(r *render) error {
	if !r.decided.Enforced {
		return r.takeProxyOut()
	}
	if err := r.checkProxyFits(); err != nil {
		return err
	}
	routes, err := r.routes()
	if err != nil {
		return err
	}
	if err := r.checkNodePorts(routes); err != nil {
		return err
	}
	configMap, err := r.proxyConfigMap()
	if err != nil {
		return err
	}
	tokenPath := r.tokenPath(configMap)
	config := proxyConfig(routes.listeners, tokenPath)
	name, err := r.putConfigMap(configMap, config, tokenPath)
	if err != nil {
		return err
	}
	r.putProxy(routes.listeners, name)
	template := lookup(r.registry.Workload.Node(), "spec", "template")
	sum := sha256.Sum256([]byte(config))
	if putText(template, "sha256:"+hex.EncodeToString(sum[:]), "metadata", "annotations", registry.ProxyDigestAnnotation) {
		r.changed(r.registry.Workload, "the pod template records the digest of the proxy's configuration, so that another one rolls the pod")
	}
	r.leadToProxy(routes)
	return r.warnOfWaysPast(routes)
}

// checkProxyFits refuses what the proxy could not stand in front of.
func (r *render) checkProxyFits() error {
	reg := r.registry
	for _, c := range reg.Containers() {
		if registry.IsProxy(c) {
			return problemWith(codes.ProxyImpossible, reg.Workload, "spec.template.spec.containers", "give it another name",
				"a container named %s is there, and not of this program's making", proxyContainer)
		}
	}
	if slices.ContainsFunc(elements(reg.PodSpec(), "volumes"), isProxyVolume) {
		return problemWith(codes.ProxyImpossible, reg.Workload, "spec.template.spec.volumes", "give it another name",
			"a volume named %s… is there, and not of this program's making", proxyVolumePrefix)
	}
	return r.checkProxySecret()
}

// checkProxySecret refuses a certificate that the proxy would not find: it serves
// tls.crt and tls.key of the one Secret that the registry serves.
func (r *render) checkProxySecret() error {
	if r.decided.HTTP {
		return nil
	}
	const fix = "state where the certificate is: spec.tls.secret"
	if r.decided.Secret == "" {
		return problemWith(codes.NoCertificate, r.registry.Workload, "spec.template.spec.containers", fix,
			"no Secret is mounted at %s, so that the proxy has no certificate to serve", r.registry.CertificatePath)
	}
	var others []string
	for _, m := range elements(r.registry.Container, "volumeMounts") {
		if !r.registry.IsCertificateMount(m) {
			continue
		}
		for _, ref := range registry.SecretRefs(r.registry.PodSpec()) {
			if ref.Where == "volume "+text(m, "name") && ref.Name() != r.decided.Secret {
				others = append(others, ref.Name())
			}
		}
	}
	if len(others) > 0 {
		return problemWith(codes.ProxyImpossible, r.registry.Workload, "spec.template.spec.volumes", fix,
			"the certificate comes from several Secrets (%s, %s), and the proxy serves one", r.decided.Secret, strings.Join(others, ", "))
	}
	o, err := r.named("Secret", r.decided.Secret)
	if err != nil || o == nil {
		return err // the cluster's, or yet to be written
	}
	data := secretData(o)
	for _, key := range []string{crtKey, keyKey} {
		if len(data[key]) == 0 {
			return problemWith(codes.SecretKey, o, "data["+key+"]", fix, "it is missing, and the proxy serves it")
		}
	}
	return nil
}

// proxyConfigMap returns the ConfigMap of an earlier run, nil for none: the one that
// its proxy mounts, else the one that would be added now. A ConfigMap that no run
// wrote is never taken for it.
func (r *render) proxyConfigMap() (*resource.Object, error) {
	names := []string{r.configMapName()}
	if former := r.proxy; former != nil {
		for _, v := range former.volumes {
			if name := text(yaml.NewRNode(v), "configMap", "name"); name != "" && isProxyVolume(yaml.NewRNode(v)) {
				names = append([]string{name}, names...)
			}
		}
	}
	for _, name := range names {
		o, err := r.named("ConfigMap", name)
		if err != nil {
			return nil, err
		}
		if o != nil && (registry.IsAdded(o) || o.Annotations()[tokenPathAnnotation] != "") {
			return o, nil
		}
	}
	return nil, nil
}

func (r *render) configMapName() string {
	return derivedName(r.registry.Release.Name, "-read-only-proxy")
}

// saysNothingOfProxy holds for a scenario that leaves the proxy as it is.
func (r *render) saysNothingOfProxy() bool {
	return r.spec.ReadOnly == nil || r.spec.ReadOnly.Enforce == nil
}

func (r *render) tokenPath(configMap *resource.Object) string {
	switch {
	case !r.saysNothingOfProxy() && r.spec.ReadOnly.TokenPath != nil:
		return *r.spec.ReadOnly.TokenPath
	case r.saysNothingOfProxy() && configMap != nil:
		return orElse(configMap.Annotations()[tokenPathAnnotation], scenario.DefaultTokenPath)
	}
	return scenario.DefaultTokenPath
}

func (r *render) proxyImage() string {
	switch {
	case !r.saysNothingOfProxy() && r.spec.ReadOnly.ProxyImage != nil:
		return *r.spec.ReadOnly.ProxyImage
	case r.saysNothingOfProxy() && r.proxy != nil:
		return orElse(text(r.proxy.container, "image"), scenario.DefaultProxyImage)
	}
	return scenario.DefaultProxyImage
}

// putConfigMap writes the configuration into the ConfigMap of an earlier run, or
// into a new one, and returns its name.
func (r *render) putConfigMap(o *resource.Object, config, tokenPath string) (string, error) {
	if o != nil {
		if text(o.Node(), "data", proxyConfigKey) != config {
			put(o.Node(), blockText(config), "data", proxyConfigKey)
			r.changed(o, "wrote the proxy's configuration anew")
		}
		if putText(o.Node(), tokenPath, "metadata", "annotations", tokenPathAnnotation) {
			r.changed(o, "recorded token path %s", tokenPath)
		}
		if putText(o.Node(), r.running, "metadata", "annotations", registry.AddedByAnnotation) {
			r.changed(o, "recorded that it was added by this program")
		}
		return o.Name, nil
	}
	name := r.configMapName()
	for n := 2; ; n++ {
		taken, err := r.named("ConfigMap", name)
		if err != nil {
			return "", err
		}
		if taken == nil {
			break
		}
		name = derivedName(r.registry.Release.Name, fmt.Sprintf("-read-only-proxy-%d", n))
	}
	n := yaml.MustParse("apiVersion: v1\nkind: ConfigMap\n")
	putText(n, name, "metadata", "name")
	putText(n, tokenPath, "metadata", "annotations", tokenPathAnnotation)
	put(n, blockText(config), "data", proxyConfigKey)
	r.add(n, "the configuration of the proxy that lets no push through")
	return name, nil
}

// blockText is a text of many lines, for people to read.
func blockText(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Style: yaml.LiteralStyle, Value: value}
}

// putProxy makes sure of the container and its volumes.
func (r *render) putProxy(listeners []listener, configMap string) {
	former := r.proxy
	if former == nil {
		former = &formerProxy{}
	}
	pod := r.registry.PodSpec()
	container := r.proxyContainer(listeners)
	moved := graft(child(pod.YNode(), "volumes", yaml.SequenceNode), former.volumes, isProxyVolume, r.proxyVolumes(configMap))
	if moved && former.container != nil {
		r.changed(r.registry.Workload, "container %s has ConfigMap %s and %s", proxyContainer, configMap, r.servedSecret())
	}
	if graft(child(pod.YNode(), "containers", yaml.SequenceNode), former.containers, registry.IsProxy, []*yaml.RNode{container}) {
		r.changed(r.registry.Workload, "container %s (%s) lets pulls through to container %s, and refuses every push",
			proxyContainer, text(container, "image"), text(r.registry.Container, "name"))
	}
}

// servedSecret is for messages.
func (r *render) servedSecret() string {
	if r.decided.HTTP {
		return "no certificate"
	}
	return "the certificate of Secret " + r.decided.Secret
}

// graft puts items at the end of a list, or where they were in the list as it came
// if nothing of that has changed since. It reports whether any item is new, or any of
// ours in the list as it came is gone.
func graft(list *yaml.Node, before []*yaml.Node, isOurs func(*yaml.RNode) bool, items []*yaml.RNode) (changed bool) {
	grafted := slices.Clone(list.Content)
	for _, item := range items {
		i := slices.IndexFunc(before, func(n *yaml.Node) bool {
			return !slices.Contains(grafted, n) && resource.Equal(yaml.NewRNode(n), item)
		})
		if i >= 0 {
			grafted = append(grafted, before[i])
			continue
		}
		changed = true
		grafted = append(grafted, item.YNode())
	}
	gone := func(n *yaml.Node) bool { return !slices.Contains(grafted, n) }
	list.Style &^= yaml.FlowStyle
	list.Content = grafted
	if len(before) == len(grafted) && !slices.ContainsFunc(before, gone) {
		list.Content = before
	}
	return changed || slices.ContainsFunc(before, func(n *yaml.Node) bool { return gone(n) && isOurs(yaml.NewRNode(n)) })
}

// takeProxyOut leaves nothing of an earlier run behind; the container and its
// volumes are set aside already.
func (r *render) takeProxyOut() error {
	if r.proxy == nil {
		return nil
	}
	template := lookup(r.registry.Workload.Node(), "spec", "template")
	drop(template, "metadata", "annotations", registry.ProxyDigestAnnotation)
	dropEmpty(template, "metadata", "annotations")
	r.changed(r.registry.Workload, "took container %s out: nothing but the registry itself decides on a push", proxyContainer)
	for _, o := range r.proxy.services {
		was := registry.TargetPorts(o)
		for _, p := range elements(o.Node(), "spec", "ports") {
			if former, ok := was[text(p, "port")]; ok && former == "" && text(p, "targetPort") == text(p, "port") {
				drop(p, "targetPort")
			}
		}
		drop(o.Node(), "metadata", "annotations", registry.TargetPortsAnnotation)
		dropEmpty(o.Node(), "metadata", "annotations")
		r.changed(o, "leads to the registry's own container")
	}
	configMap, err := r.proxyConfigMap()
	if configMap != nil {
		r.remove(configMap, "nothing stands in front of the registry")
	}
	return err
}
