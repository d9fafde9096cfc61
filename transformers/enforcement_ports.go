package transformers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// listener is one port of the proxy, in front of one of the registry's.
type listener struct {
	// name is the container port's, and port its number.
	name string
	port int
	// upstream is the registry's port.
	upstream int
	// tls says that it speaks TLS on both sides, ipv6 that it listens on IPv6 too.
	tls, ipv6 bool
}

// Where the proxy listens, if nothing else of the pod does. A process that is not
// root cannot listen below 1024.
const (
	proxyPortPrefix    = "proxy-"
	firstTLSProxyPort  = 10443
	firstHTTPProxyPort = 10080
)

// What an EndpointSlice says of where it comes from. Source: k8s.io/api/discovery/v1.
const (
	endpointServiceLabel = "kubernetes.io/service-name"
	endpointManagerLabel = "endpointslice.kubernetes.io/managed-by"
	endpointManager      = "endpointslice-controller.k8s.io"
)

// isProxyPort goes by the name of a port that a Service leads to.
func isProxyPort(target string) bool { return strings.HasPrefix(target, proxyPortPrefix+"http") }

// routes is what leads to the registry, and through which listener it will.
type routes struct {
	listeners []listener
	ports     []servicePort
	headless  []*resource.Object
}

// servicePort is a port of a Service that leads to the registry's container.
type servicePort struct {
	service  *resource.Object
	node     *yaml.RNode
	upstream int
}

// routes finds every port of every Service that leads to the registry, and settles
// where the proxy listens for it.
func (r *render) routes() (routes, error) {
	var found routes
	services, err := r.servicesOfPods()
	if err != nil {
		return found, err
	}
	for _, o := range services {
		if text(o.Node(), "spec", "clusterIP") == "None" {
			found.headless = append(found.headless, o)
			continue
		}
		ports, err := r.registryPorts(o)
		if err != nil {
			return found, err
		}
		found.ports = append(found.ports, ports...)
	}
	if len(found.ports) == 0 {
		if _, err := r.service(); err != nil {
			return found, err
		}
		return found, problemWith(codes.ServiceNotFound, r.registry.Workload, "spec.template.spec.containers",
			"check the targetPort of the Service, or say which it is with spec.targets.service", "no port of a Service leads to the registry's container")
	}
	found.listeners = r.listeners(found.ports)
	return found, nil
}

// servicesOfPods are all Services that select the registry's pods: one that is left
// out would lead past the proxy.
func (r *render) servicesOfPods() ([]*resource.Object, error) {
	services, err := r.set.Select([]string{"Service"})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(services, func(o *resource.Object) bool { return !r.registry.IsSelectedBy(o) }), nil
}

// registryPorts are the ports of a Service that lead to the registry's container.
// One that is no endpoint for images has no place in front of a proxy that knows
// nothing else, and must not lead past it either.
func (r *render) registryPorts(o *resource.Object) ([]servicePort, error) {
	var found []servicePort
	for _, p := range elements(o.Node(), "spec", "ports") {
		if !isTCP(p) {
			continue
		}
		upstream, err := r.upstream(o, p)
		if err != nil {
			return nil, err
		}
		if upstream > 0 {
			found = append(found, servicePort{o, p, upstream})
		}
	}
	for _, p := range found {
		if len(found) > 1 && !isEndpoint(p.node) {
			return nil, problemWith(codes.ProxyImpossible, o, "spec.ports["+orElse(text(p.node, "name"), text(p.node, "port"))+"]",
				"name it http or https if images are pulled through it, else take it out by chart values",
				"it leads to port %d of the registry's container, and the proxy lets nothing but pulls through", p.upstream)
		}
	}
	return found, nil
}

func isEndpoint(port *yaml.RNode) bool {
	name, number := text(port, "name"), text(port, "port")
	return name == httpsEndpoint.name || name == httpEndpoint.name || number == httpsEndpoint.port || number == httpEndpoint.port
}

// upstream returns the registry's port that a Service's leads to, 0 if it leads to
// another container. To declare a port is optional: a number that no container
// declares is the registry's.
func (r *render) upstream(o *resource.Object, port *yaml.RNode) (int, error) {
	target := orElse(text(port, "targetPort"), text(port, "port"))
	if _, err := strconv.Atoi(target); err != nil {
		target = orElse(r.namedPort(target), target)
	}
	number, err := strconv.Atoi(target)
	if err != nil || number < 1 || number > 65535 {
		return 0, problemWith(codes.ProxyImpossible, o, "spec.ports", "correct its targetPort", "it leads to port %q, which no container has", target)
	}
	if !declares(r.registry.Container, number) && slices.ContainsFunc(r.servingContainers(), func(c *yaml.RNode) bool { return declares(c, number) }) {
		return 0, nil
	}
	return number, nil
}

// namedPort returns the number of the port that Kubernetes finds by a name in the
// pod, empty for none.
func (r *render) namedPort(name string) string {
	for _, c := range r.servingContainers() {
		for _, p := range elements(c, "ports") {
			if text(p, "name") == name && isTCP(p) {
				return text(p, "containerPort")
			}
		}
	}
	return ""
}

// servingContainers are the containers whose ports a Service finds, in the order in
// which it does: those that run with the pod, sidecars among the init containers last.
func (r *render) servingContainers() []*yaml.RNode {
	pod := r.registry.PodSpec()
	sidecars := slices.DeleteFunc(elements(pod, "initContainers"), func(c *yaml.RNode) bool { return text(c, "restartPolicy") != "Always" })
	return append(elements(pod, "containers"), sidecars...)
}

func declares(container *yaml.RNode, number int) bool {
	return slices.ContainsFunc(elements(container, "ports"), func(p *yaml.RNode) bool { return text(p, "containerPort") == strconv.Itoa(number) })
}

func isTCP(port *yaml.RNode) bool { return orElse(text(port, "protocol"), "TCP") == "TCP" }

// checkNodePorts refuses what leads from the node's own address to the registry.
func (r *render) checkNodePorts(found routes) error {
	const fix = "render the chart without it, or write readOnly.enforce: false"
	reg := r.registry
	if strings.EqualFold(text(reg.PodSpec(), "hostNetwork"), "true") {
		return problemWith(codes.ProxyImpossible, reg.Workload, "spec.template.spec.hostNetwork", fix,
			"it makes the registry's own ports the node's, past any proxy")
	}
	for _, c := range reg.Containers() {
		for _, p := range elements(c, "ports") {
			host := text(p, "hostPort")
			if host == "" || host == "0" || c.YNode() != reg.Container.YNode() && !r.isRegistryPort(found, text(p, "containerPort")) {
				continue
			}
			return problemWith(codes.ProxyImpossible, reg.Workload, "spec.template.spec.containers["+text(c, "name")+"].ports", fix,
				"hostPort %s leads from the node to the registry, past any proxy", host)
		}
	}
	return nil
}

// isRegistryPort reports whether the registry listens on a port: its container
// declares it, or a Service leads to it.
func (r *render) isRegistryPort(found routes, number string) bool {
	n, err := strconv.Atoi(number)
	return err == nil && (declares(r.registry.Container, n) || slices.ContainsFunc(found.ports, func(p servicePort) bool { return p.upstream == n }))
}

// plain says whether a port of a Service that has TLS elsewhere is without.
func (r *render) plain(port *yaml.RNode) bool {
	name := text(port, "name")
	return r.decided.HTTP || name == httpEndpoint.name || name != httpsEndpoint.name && text(port, "port") == httpEndpoint.port
}

// listeners settles one listener for each of the registry's ports that a Service
// leads to, those with TLS first.
func (r *render) listeners(ports []servicePort) []listener {
	byUpstream := map[int]*listener{}
	var all []*listener
	for _, p := range ports {
		l := byUpstream[p.upstream]
		if l == nil {
			l = &listener{upstream: p.upstream}
			byUpstream[p.upstream] = l
			all = append(all, l)
		}
		l.tls = l.tls || !r.plain(p.node)
		l.ipv6 = l.ipv6 || hasIPv6(p.service)
	}
	slices.SortFunc(all, func(a, b *listener) int {
		if a.tls != b.tls {
			return map[bool]int{true: -1, false: 1}[a.tls]
		}
		return cmp.Compare(a.upstream, b.upstream)
	})
	numbers, names := r.takenPorts(ports)
	settled := make([]listener, 0, len(all))
	for _, l := range all {
		l.name, l.port = proxyPortPrefix+httpEndpoint.name, firstHTTPProxyPort
		if l.tls {
			l.name, l.port = proxyPortPrefix+httpsEndpoint.name, firstTLSProxyPort
		}
		for numbers[l.port] {
			l.port++
		}
		for n, name := 2, l.name; names[l.name]; n++ {
			l.name = fmt.Sprintf("%s-%d", name, n)
		}
		numbers[l.port], names[l.name] = true, true
		settled = append(settled, *l)
	}
	return settled
}

// takenPorts are the numbers and names that the pod's containers have: they share
// one address, and a Service finds a port by its name.
func (r *render) takenPorts(ports []servicePort) (numbers map[int]bool, names map[string]bool) {
	numbers, names = map[int]bool{}, map[string]bool{}
	for _, c := range r.registry.Containers() {
		for _, p := range elements(c, "ports") {
			names[text(p, "name")] = true
			if number, err := strconv.Atoi(text(p, "containerPort")); err == nil {
				numbers[number] = true
			}
		}
	}
	for _, p := range ports {
		numbers[p.upstream] = true
	}
	return numbers, names
}

// hasIPv6 says whether a Service is known to have an IPv6 address. One of which
// nothing is known is not taken for one: nginx does not start where it is told to
// listen on IPv6 and the node has none.
func hasIPv6(o *resource.Object) bool {
	for _, family := range elements(o.Node(), "spec", "ipFamilies") {
		if family.YNode().Value == "IPv6" {
			return true
		}
	}
	for _, ip := range elements(o.Node(), "spec", "clusterIPs") {
		if strings.Contains(ip.YNode().Value, ":") {
			return true
		}
	}
	return strings.Contains(text(o.Node(), "spec", "clusterIP"), ":")
}

// leadToProxy moves the Services' ports to the proxy's and records where they led.
func (r *render) leadToProxy(found routes) {
	var services []*resource.Object
	record := map[*resource.Object][]string{}
	for _, p := range found.ports {
		o := p.service
		if !slices.Contains(services, o) {
			services = append(services, o)
		}
		i := slices.IndexFunc(found.listeners, func(l listener) bool { return l.upstream == p.upstream })
		number, target := text(p.node, "port"), text(p.node, "targetPort")
		was, known := registry.TargetPorts(o)[number]
		if known && was == "" && target == number {
			target = ""
		}
		record[o] = append(record[o], number+"="+target)
		setTargetPort(p.node, found.listeners[i].name)
		if came := r.cameWith(p, target); !known || was != target || came != found.listeners[i].name {
			r.changed(o, "port %s leads to the proxy's port %s (%d) instead of %s", number, found.listeners[i].name, found.listeners[i].port, orElse(came, number))
		}
	}
	for _, o := range services {
		_, known := o.Annotations()[registry.TargetPortsAnnotation]
		if putText(o.Node(), strings.Join(record[o], ","), "metadata", "annotations", registry.TargetPortsAnnotation) && known {
			r.changed(o, "recorded what its ports led to before the proxy: %s", strings.Join(record[o], ","))
		}
	}
}

// cameWith returns what a Service's port led to before this run: a port of the proxy,
// if an earlier run moved it and nothing has changed since.
func (r *render) cameWith(p servicePort, now string) string {
	if r.proxy != nil {
		if came, ok := r.proxy.targets[p.node.YNode()]; ok {
			return came
		}
	}
	return now
}

// setTargetPort writes a port as what it is, a number or a name.
func setTargetPort(port *yaml.RNode, target string) {
	if _, err := strconv.Atoi(target); err == nil {
		putScalar(port, target, "targetPort")
		return
	}
	putText(port, target, "targetPort")
}

// warnOfWaysPast tells what this render has that leads to the registry without the
// proxy, or that keeps clients from the proxy.
func (r *render) warnOfWaysPast(found routes) error {
	reg := r.registry
	for _, o := range found.headless {
		r.warn(codes.ProxyBypass, o, "it is headless: who resolves it reaches the pod's own ports, and the proxy keeps nobody from pushing there; see docs/security.md")
	}
	if err := r.warnOfEndpoints(found); err != nil {
		return err
	}
	policies, err := r.set.Select([]string{"NetworkPolicy"})
	if err != nil {
		return err
	}
	labels := stringMap(reg.Workload.Node(), "spec", "template", "metadata", "labels")
	for _, o := range policies {
		selector := stringMap(o.Node(), "spec", "podSelector", "matchLabels")
		if !reg.Release.SameNamespace(o.Namespace) || !registry.IsSubset(selector, labels) || policyNames(o, found.listeners) {
			continue
		}
		var ports []string
		for _, l := range found.listeners {
			ports = append(ports, strconv.Itoa(l.port))
		}
		r.warn(codes.NetworkPolicyPorts, o, "it may select the registry's pods; let clients reach port %s, where the proxy listens, and no other", strings.Join(ports, ", "))
	}
	return nil
}

// warnOfEndpoints warns of endpoints that a person wrote with one of the registry's
// ports: the addresses of its pods are not known, so they may be meant.
func (r *render) warnOfEndpoints(found routes) error {
	objects, err := r.set.Select([]string{"EndpointSlice", "Endpoints"})
	if err != nil {
		return err
	}
	for _, o := range objects {
		service := orElse(o.Labels()[endpointServiceLabel], o.Name)
		managed, err := r.isManaged(o, service)
		if err != nil {
			return err
		}
		for _, list := range append(elements(o.Node(), "subsets"), o.Node()) {
			for _, p := range elements(list, "ports") {
				number := text(p, "port")
				if managed || !isTCP(p) || number != "" && !r.isRegistryPort(found, number) {
					continue
				}
				r.warn(codes.ProxyBypass, o, "by it Service %s leads to port %s; if its addresses are those of the registry's pods, pushes pass the proxy there: write port %d, where the proxy listens, or remove it; see docs/security.md",
					service, orElse(number, "of any number"), found.listeners[0].port)
			}
		}
	}
	return nil
}

// isManaged reports whether Kubernetes itself writes endpoints, from a Service's
// selector: these follow the Service's ports.
func (r *render) isManaged(o *resource.Object, service string) (bool, error) {
	if o.Kind == "EndpointSlice" {
		return o.Labels()[endpointManagerLabel] == endpointManager, nil
	}
	services, err := r.set.Select([]string{"Service"}, service)
	return slices.ContainsFunc(services, func(s *resource.Object) bool {
		return s.Name == service && s.Namespace == o.Namespace && len(stringMap(s.Node(), "spec", "selector")) > 0
	}), err
}

// policyNames says whether a NetworkPolicy speaks of the proxy's ports already.
func policyNames(o *resource.Object, listeners []listener) bool {
	for _, rule := range elements(o.Node(), "spec", "ingress") {
		for _, p := range elements(rule, "ports") {
			if slices.ContainsFunc(listeners, func(l listener) bool {
				return text(p, "port") == l.name || text(p, "port") == strconv.Itoa(l.port)
			}) {
				return true
			}
		}
	}
	return false
}
