package postconditions

import (
	"slices"
	"strconv"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

const wrongPort = "have the chart render a Service whose targetPort the container declares, or say with spec.targets.service which Service is meant"

// portsAgree: the Service has a port for the scheme, and leads to ports that the
// container has, where it declares any.
func portsAgree(_ *resource.Set, e templated) ([]error, error) {
	if !e.TLSStated || e.Service == nil {
		return nil, nil
	}
	ports, err := portsOf(e.Service)
	if err != nil {
		return nil, err
	}
	var failures []error
	if kind := scalar(e.Service.Node().YNode(), "spec", "type"); kind == "ExternalName" {
		failures = append(failures, failure(codes.PortMismatch, e.Service, wrongPort, "expected a Service that leads to the registry's pods, got type %s", kind))
	}
	for _, p := range ports {
		if p.Protocol != "" && p.Protocol != "TCP" && (p.Name == "https" || p.Name == "http" || len(ports) == 1) {
			failures = append(failures, failure(codes.PortMismatch, e.Service, wrongPort, "port %d: expected protocol TCP, got %s", p.Port, p.Protocol))
		}
		if p.Name == "https" && e.HTTP || p.Name == "http" && !e.HTTP && len(ports) == 1 {
			failures = append(failures, failure(codes.PortMismatch, e.Service, wrongPort, "port %d is named %s", p.Port, p.Name))
		}
		if !e.template.declares(p.target()) {
			failures = append(failures, failure(codes.PortMismatch, e.Service, wrongPort, "port %d leads to %s, which no container declares", p.Port, p.target()))
		}
	}
	return failures, nil
}

// declares reports whether a container of the pod has a port of this name or number,
// or none declares any.
func (t *podTemplate) declares(port string) bool {
	return slices.ContainsFunc(t.Spec.Containers, func(c container) bool { return c.has(port) }) ||
		!slices.ContainsFunc(t.Spec.Containers, func(c container) bool { return len(c.Ports) > 0 })
}

const wrongProbe = "have the chart probe a port that the container declares, with the scheme that it serves"

// probesAgree: the probes of the registry's container call ports that there are, and
// its serving port with the scheme that it serves.
func probesAgree(_ *resource.Set, e templated) ([]error, error) {
	c := e.template.container(e.Container)
	if !e.TLSStated || c == nil {
		return nil, nil
	}
	serving, err := e.servingPorts(c)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, p := range []struct {
		name string
		*probe
	}{{"startupProbe", c.StartupProbe}, {"readinessProbe", c.ReadinessProbe}, {"livenessProbe", c.LivenessProbe}} {
		if p.probe == nil {
			continue
		}
		for _, action := range []probeAction{p.HTTPGet, p.TCPSocket, p.GRPC} {
			port := action.Port.Value
			if port != "" && action.Host == "" && !c.has(port) && (action.isNamed() || !e.template.declares(port)) {
				failures = append(failures, failure(codes.PortMismatch, e.Workload, wrongProbe, "%s of container %s calls port %s, which no container declares", p.name, c.Name, port))
			}
		}
		want, got := "HTTPS", either(p.HTTPGet.Scheme, "HTTP")
		if e.HTTP {
			want = "HTTP"
		}
		if port := p.HTTPGet.Port.Value; port != "" && got != want && p.HTTPGet.Host == "" && (e.HTTP || slices.Contains(serving, port)) {
			failures = append(failures, failure(codes.PortMismatch, e.Workload, wrongProbe, "%s of container %s calls port %s by %s, expected %s", p.name, c.Name, port, got, want))
		}
	}
	return failures, nil
}

// servingPorts are the names and numbers of the ports at which the registry's
// container serves HTTPS: its only port, one of that name, and what the Service's
// HTTPS port leads to.
func (e templated) servingPorts(c *container) ([]string, error) {
	targets := []string{"https"}
	if e.Service != nil {
		ports, err := portsOf(e.Service)
		if err != nil {
			return nil, err
		}
		for _, p := range ports {
			if p.Name == "https" || p.Port == 443 {
				targets = append(targets, p.target())
			}
		}
	}
	serving := slices.Clone(targets)
	for _, p := range c.Ports {
		number := strconv.Itoa(int(p.ContainerPort))
		if len(c.Ports) == 1 || slices.Contains(targets, p.Name) || slices.Contains(targets, number) {
			serving = append(serving, p.Name, number)
		}
	}
	return serving, nil
}
