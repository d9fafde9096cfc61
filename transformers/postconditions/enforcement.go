package postconditions

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/corev1"
	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/transformers/resource"
)

// typedTemplate decodes the workload's pod template with Kubernetes' own types: of a
// proxy's container nearly everything matters.
func typedTemplate(o *resource.Object) (*corev1.PodTemplateSpec, error) {
	var typed struct {
		Spec struct{ Template corev1.PodTemplateSpec }
	}
	encoded, err := o.Node().MarshalJSON()
	if err == nil {
		err = json.Unmarshal(encoded, &typed)
	}
	if err != nil {
		return nil, failure(codes.ObjectUnwritable, o, reads, "spec.template is no pod template")
	}
	return &typed.Spec.Template, nil
}

func containerOf(template *corev1.PodTemplateSpec, name string) *corev1.Container {
	for i := range template.Spec.Containers {
		if template.Spec.Containers[i].Name == name {
			return &template.Spec.Containers[i]
		}
	}
	return nil
}

const wrongProxy = "say with spec.targets.service which Service is the registry's, and have the chart render no other that leads to its port; else report it with the render"

// onlyTheProxyIsReached: every port of every Service that selects the registry's
// pods, other than a headless one, leads to a port of the proxy's container and of
// no other, or to a container that is neither.
func onlyTheProxyIsReached(set *resource.Set, e proxied) ([]error, error) {
	if !e.Enforced {
		return nil, nil
	}
	services, err := servicesOf(set, e)
	if err != nil {
		return nil, err
	}
	var failures []error
	reached := false
	for _, service := range services {
		for _, p := range service.Spec.Ports {
			switch owners := owners(e.pod, p); {
			case p.Protocol != "" && p.Protocol != corev1.ProtocolTCP:
			case slices.Equal(owners, []string{e.Proxy}):
				reached = true
			case len(owners) == 0 || slices.Contains(owners, e.Container) || slices.Contains(owners, e.Proxy):
				failures = append(failures, failure(codes.EnforcementIncomplete, service.from, wrongProxy, "port %d leads to %s of [%s], expected container %s only",
					p.Port, p.TargetPort.String(), strings.Join(owners, ", "), e.Proxy))
			}
		}
	}
	if !reached {
		failures = append(failures, failure(codes.EnforcementIncomplete, e.Workload, wrongProxy, "no Service leads to container %s", e.Proxy))
	}
	return append(failures, portsAreUnique(e)...), nil
}

type service struct {
	corev1.Service

	from *resource.Object
}

// servicesOf decodes the Services that select the registry's pods.
func servicesOf(set *resource.Set, e proxied) ([]service, error) {
	objects, err := set.Select([]string{"Service"})
	if err != nil {
		return nil, err
	}
	var found []service
	for _, o := range objects {
		if !e.near(o) {
			continue
		}
		decoded := service{from: o}
		encoded, err := o.Node().MarshalJSON()
		if err == nil {
			err = json.Unmarshal(encoded, &decoded.Service)
		}
		if err != nil {
			return nil, failure(codes.ObjectUnwritable, o, reads, "is no Service")
		}
		selects := len(decoded.Spec.Selector) > 0 && decoded.Spec.ClusterIP != "None" && decoded.Spec.Type != corev1.ServiceTypeExternalName
		for key, value := range decoded.Spec.Selector {
			selects = selects && e.pod.Labels[key] == value
		}
		if selects {
			found = append(found, decoded)
		}
	}
	return found, nil
}

// owners are the containers that have the port that a Service's leads to, each once.
// They share one address, so the number decides.
func owners(template *corev1.PodTemplateSpec, p corev1.ServicePort) []string {
	number := p.TargetPort.IntVal
	if p.TargetPort.Type == intstr.Int && number == 0 {
		number = p.Port
	}
	var names []string
	eachPort(template, func(_ *corev1.Container, cp corev1.ContainerPort) {
		if p.TargetPort.Type == intstr.String && p.TargetPort.StrVal == cp.Name && number == 0 {
			number = cp.ContainerPort
		}
	})
	eachPort(template, func(c *corev1.Container, cp corev1.ContainerPort) {
		if number > 0 && number == cp.ContainerPort && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	})
	return names
}

// eachPort calls f with the ports that a Service finds: of the containers, and then of
// the init containers that keep running beside them.
func eachPort(template *corev1.PodTemplateSpec, f func(*corev1.Container, corev1.ContainerPort)) {
	sidecars := slices.DeleteFunc(slices.Clone(template.Spec.InitContainers), func(c corev1.Container) bool {
		return c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways
	})
	for _, c := range slices.Concat(template.Spec.Containers, sidecars) {
		for _, p := range c.Ports {
			f(&c, p)
		}
	}
}

// portsAreUnique: the proxy's ports have names and numbers that no other port of the
// pod has.
func portsAreUnique(e proxied) []error {
	names, numbers := map[string]int{}, map[int32]int{}
	eachPort(e.pod, func(_ *corev1.Container, p corev1.ContainerPort) {
		names[p.Name]++
		numbers[p.ContainerPort]++
	})
	proxy := containerOf(e.pod, e.Proxy)
	if proxy == nil {
		return []error{failure(codes.EnforcementIncomplete, e.Workload, wrongProxy, "has no container %s", e.Proxy)}
	}
	var failures []error
	for _, p := range proxy.Ports {
		if names[p.Name] > 1 || numbers[p.ContainerPort] > 1 {
			failures = append(failures, failure(codes.EnforcementIncomplete, e.Workload, wrongProxy, "port %s (%d) of container %s is another container's too", p.Name, p.ContainerPort, e.Proxy))
		}
	}
	return failures
}

// The lines of nginx's configuration that decide what gets through, and where to.
var (
	listens  = lazyregexp.New(`(?m)^\s*listen (?:\[::\]:)?(\d+)( ssl)?[ ;]`)
	passes   = lazyregexp.New(`(?m)^\s*proxy_pass (\S+);`)
	loopback = lazyregexp.New(`^https?://127\.0\.0\.1:(\d+)$`)
	verdicts = lazyregexp.New(`(?m)^\s*"~\^\(?([A-Z|]+)\)? (\S+)" 1;`)
	// onePath is the pattern of exactly one path, quoted, with or without a query.
	onePath = lazyregexp.New(`^((?:/[A-Za-z0-9_~-](?:[A-Za-z0-9_~-]|\\\.)*)+)\(\\\?\[\^#\]\*\)\?\$$`)
)

const wrongNode = "have the chart render the pod without it, or write readOnly.enforce: false"

const refusal = `return 403 '{"errors":[{"code":"DENIED","message":"This operation is not allowed on this registry."}]}';`

// proxyIsConfigured: the ConfigMap that the proxy's container mounts is there, and
// refuses by default; what it lets through goes to the registry's container only.
func proxyIsConfigured(set *resource.Set, e proxied) ([]error, error) {
	if !e.Enforced {
		return nil, nil
	}
	config, from, err := configOf(set, e)
	if err != nil {
		return nil, err
	}
	if from == nil {
		return []error{failure(codes.EnforcementIncomplete, e.Workload, wrongProxy, "container %s mounts no ConfigMap that is there", e.Proxy)}, nil
	}
	var failures []error
	wrong := func(format string, args ...any) {
		failures = append(failures, failure(codes.EnforcementIncomplete, from, wrongProxy, format, args...))
	}
	if !strings.Contains(config, "default 0;") || !strings.Contains(config, "if ($let_through = 0)") || !strings.Contains(config, refusal) {
		wrong("does not refuse what it does not know")
	}
	seen := verdicts().FindAllStringSubmatch(config, -1)
	if len(seen) == 0 || strings.Count(config, " 1;\n") != len(seen)+strings.Count(config, "client_max_body_size 1;\n") {
		wrong("lets something through in a way that is not understood")
	}
	for _, v := range seen {
		if !slices.Equal(strings.Split(v[1], "|"), []string{"GET", "HEAD"}) && v[1] != "GET" && !isTokenRule(v[1], v[2]) {
			wrong("lets %s through to %s", v[1], v[2])
		}
	}
	for _, p := range passes().FindAllStringSubmatch(config, -1) {
		if !leadsTo(e, p[1]) {
			wrong("passes requests to %s, which is no port of container %s", p[1], e.Container)
		}
	}
	var ports, listening []string
	for _, p := range containerOf(e.pod, e.Proxy).Ports {
		ports = append(ports, strconv.Itoa(int(p.ContainerPort)))
	}
	for _, l := range listens().FindAllStringSubmatch(config, -1) {
		listening = append(listening, l[1])
	}
	if !slices.Equal(ports, listening) {
		wrong("listens on %v, and container %s has ports %v", listening, e.Proxy, ports)
	}
	return failures, nil
}

// isTokenRule reports whether a rule lets POST through to exactly one path, outside
// of the registry's API. Segments are compared, because /oauth2/v2.0/token is a
// usual path for tokens.
func isTokenRule(methods, pattern string) bool {
	path := onePath().FindStringSubmatch(pattern)
	return methods == "GET|POST" && path != nil && path[1] != "/v2" && !strings.HasPrefix(path[1], "/v2/")
}

// leadsTo reports whether an address is a port of the registry's container: one that it
// declares, or that no container does, because declaring one is optional.
func leadsTo(e proxied, address string) bool {
	m := loopback().FindStringSubmatch(address)
	if m == nil {
		return false
	}
	var declared []string
	eachPort(e.pod, func(c *corev1.Container, p corev1.ContainerPort) {
		if strconv.Itoa(int(p.ContainerPort)) == m[1] {
			declared = append(declared, c.Name)
		}
	})
	return len(declared) == 0 || slices.Contains(declared, e.Container)
}

// nodeIsNoWayPast: no address of the node leads to the registry past the proxy.
func nodeIsNoWayPast(set *resource.Set, e proxied) ([]error, error) {
	if !e.Enforced {
		return nil, nil
	}
	if e.pod.Spec.HostNetwork {
		return []error{failure(codes.EnforcementIncomplete, e.Workload, wrongNode, "hostNetwork makes the ports of container %s the node's", e.Container)}, nil
	}
	config, _, err := configOf(set, e)
	if err != nil {
		return nil, err
	}
	registry := map[int32]bool{}
	for _, c := range e.pod.Spec.Containers {
		for _, p := range c.Ports {
			registry[p.ContainerPort] = registry[p.ContainerPort] || c.Name == e.Container
		}
	}
	var failures []error
	for _, c := range slices.Concat(e.pod.Spec.InitContainers, e.pod.Spec.Containers) {
		for _, p := range c.Ports {
			if p.HostPort > 0 && (registry[p.ContainerPort] || strings.Contains(config, fmt.Sprintf("://127.0.0.1:%d;", p.ContainerPort))) {
				failures = append(failures, failure(codes.EnforcementIncomplete, e.Workload, wrongNode, "hostPort %d leads to port %d of container %s", p.HostPort, p.ContainerPort, e.Container))
			}
		}
	}
	return failures, nil
}

// configOf is what nginx is started with, nil where it would find nothing.
func configOf(set *resource.Set, e proxied) (string, *resource.Object, error) {
	proxy := containerOf(e.pod, e.Proxy)
	if proxy == nil {
		return "", nil, nil
	}
	for _, m := range proxy.VolumeMounts {
		for _, v := range e.pod.Spec.Volumes {
			if v.Name != m.Name || v.ConfigMap == nil {
				continue
			}
			objects, err := set.Select([]string{"ConfigMap"}, v.ConfigMap.Name)
			if err != nil {
				return "", nil, err
			}
			for _, o := range objects {
				file := scalar(o.Node().YNode(), "data", "nginx.conf")
				if o.Name == v.ConfigMap.Name && e.near(o) && slices.Contains(proxy.Command, m.MountPath+"/nginx.conf") && file != "" {
					return file, o, nil
				}
			}
		}
	}
	return "", nil, nil
}

// proxyIsConfined: the proxy's container may do nothing but its work, and serves the
// registry's own certificate.
func proxyIsConfined(_ *resource.Set, e proxied) ([]error, error) {
	if !e.Enforced || containerOf(e.pod, e.Proxy) == nil {
		return nil, nil
	}
	proxy := containerOf(e.pod, e.Proxy)
	var failures []error
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	s := proxy.SecurityContext
	if s == nil || !is(s.RunAsNonRoot, true) || s.RunAsUser == nil || *s.RunAsUser == 0 || !is(s.ReadOnlyRootFilesystem, true) ||
		!is(s.AllowPrivilegeEscalation, false) || s.Capabilities == nil || len(s.Capabilities.Add) > 0 || !slices.Contains(s.Capabilities.Drop, "ALL") ||
		s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		failures = append(failures, failure(codes.EnforcementIncomplete, e.Workload, wrongProxy, "container %s may do more than it needs to", e.Proxy))
	}
	if proxy.LivenessProbe == nil || proxy.ReadinessProbe == nil || len(proxy.Resources.Requests) == 0 || len(proxy.Resources.Limits) == 0 {
		failures = append(failures, failure(codes.EnforcementIncomplete, e.Workload, wrongProxy, "container %s has no probes, or no resources", e.Proxy))
	}
	var secrets []string
	for _, m := range proxy.VolumeMounts {
		secrets = append(secrets, volumeSecrets(e.template, m.Name)...)
	}
	want := fmt.Sprint([]string{e.Secret})
	if e.HTTP {
		want = fmt.Sprint([]string(nil))
	}
	if got := fmt.Sprint(secrets); got != want {
		failures = append(failures, failure(codes.EnforcementIncomplete, e.Workload, wrongProxy, "container %s mounts the Secrets %s, expected %s", e.Proxy, got, want))
	}
	return failures, nil
}

// proxyIsGone: nothing of a proxy that was taken out is left.
func proxyIsGone(set *resource.Set, e proxied) ([]error, error) {
	if !e.NoProxy {
		return nil, nil
	}
	var failures []error
	if containerOf(e.pod, e.Proxy) != nil {
		failures = append(failures, failure(codes.EnforcementRemains, e.Workload, wrongProxy, "still has container %s", e.Proxy))
	}
	for _, v := range e.pod.Spec.Volumes {
		if strings.HasPrefix(v.Name, e.Proxy) {
			failures = append(failures, failure(codes.EnforcementRemains, e.Workload, wrongProxy, "still has volume %s", v.Name))
		}
	}
	services, err := servicesOf(set, e)
	if err != nil {
		return nil, err
	}
	for _, service := range services {
		for _, p := range service.Spec.Ports {
			if p.TargetPort.Type == intstr.String && len(owners(e.pod, p)) == 0 {
				failures = append(failures, failure(codes.EnforcementRemains, service.from, wrongProxy, "port %d still leads to %s", p.Port, p.TargetPort.StrVal))
			}
		}
	}
	return failures, nil
}
