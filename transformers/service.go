package transformers

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// endpoint is how the registry is reached with and without TLS. The Service's
// ports are documented; so is 8080 (IoT Edge). 8443 is the port that a chart which
// serves plain HTTP has no trace of, and no source states.
type endpoint struct {
	name, scheme, port, containerPort string
}

var (
	httpsEndpoint = endpoint{"https", "HTTPS", "443", "8443"}
	httpEndpoint  = endpoint{"http", "HTTP", "80", "8080"}
)

// endpoints returns the wanted endpoint and the other one.
func (r *render) endpoints() (want, other endpoint) {
	if r.decided.HTTP {
		return httpEndpoint, httpsEndpoint
	}
	return httpsEndpoint, httpEndpoint
}

// service gives the registry's Service its address, and the ports for HTTPS or
// HTTP.
func service(r *render) error {
	stated := r.spec.Service != nil && r.spec.Service.ClusterIP != nil
	if !stated && !r.decided.TLSStated {
		return nil
	}
	o, err := r.service()
	if err != nil {
		return err
	}
	if stated {
		if err := r.setClusterIP(o, *r.spec.Service.ClusterIP); err != nil {
			return err
		}
	}
	if r.decided.TLSStated {
		r.setServicePort(o)
	}
	return nil
}

// service returns the registry's Service or says why there is none to be had.
func (r *render) service() (*resource.Object, error) {
	if err := r.registry.Ambiguous[registry.Service]; err != nil {
		return nil, err
	}
	if r.registry.Service == nil {
		return nil, problemWith(codes.ServiceNotFound, r.registry.Workload, "spec.template.metadata.labels",
			"check that the Service is in the stream, or say which it is with spec.targets.service",
			"no Service selects these pods")
	}
	return r.registry.Service, nil
}

func (r *render) setClusterIP(o *resource.Object, want string) error {
	node := o.Node()
	have := text(node, "spec", "clusterIP")
	if sameIP(have, want) {
		return nil
	}
	const fix = "set the chart value service.clusterIP instead"
	if have == "None" {
		return problemWith(codes.ServiceForm, o, "spec.clusterIP", fix, "the Service is headless and cannot be given %s", want)
	}
	if serviceType := text(node, "spec", "type"); serviceType == "ExternalName" {
		return problemWith(codes.ServiceForm, o, "spec.type", fix, "an ExternalName Service has no clusterIP, expected ClusterIP")
	}
	if have != "" {
		// The chart may have written its address elsewhere too, in scripts even,
		// where nobody can tell what must be changed with it.
		if other, err := r.mentions(o, have); err != nil {
			return err
		} else if other != nil {
			return problemWith(codes.AddressElsewhere, o, "spec.clusterIP", "set the chart value service.clusterIP="+want+", so that the chart renders it everywhere",
				"the chart rendered %s, the scenario states %s, and %s (%s) holds the rendered one too", have, want, other, other.Document())
		}
	}
	if err := r.checkIPFamily(o, want); err != nil {
		return err
	}
	putText(node, want, "spec", "clusterIP")
	r.formerIP = have
	if ips := lookup(node, "spec", "clusterIPs"); len(ips.Content()) > 0 {
		// The API server refuses a clusterIPs whose first entry is another address.
		ips.Content()[0] = yaml.NewStringRNode(want).YNode()
	}
	r.changed(o, "set clusterIP %s", want)
	return nil
}

func sameIP(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x == y
}

// checkIPFamily refuses an address of a family other than the first that the
// Service asks for: ipFamilies and clusterIPs go in step (Kubernetes' dual-stack
// Services).
func (r *render) checkIPFamily(o *resource.Object, want string) error {
	families := elements(o.Node(), "spec", "ipFamilies")
	if len(families) == 0 {
		return nil
	}
	family := "IPv4"
	if strings.Contains(want, ":") {
		family = "IPv6"
	}
	if first := families[0].YNode().Value; first != family {
		return problemWith(codes.ServiceForm, o, "spec.ipFamilies", "state an address of the first family, or set the chart's ipFamilies",
			"the first family is %s, and %s is %s", first, want, family)
	}
	return nil
}

// mentions returns an object of the release, other than the Service and the
// Certificate (which follows), that holds an address literally.
func (r *render) mentions(except *resource.Object, ip string) (*resource.Object, error) {
	objects, err := r.set.Select(nil, ip)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if o == except || o == r.registry.Certificate || !r.registry.Release.Owns(o) {
			continue
		}
		if holdsAddress(o.Node().YNode(), ip) {
			return o, nil
		}
	}
	return nil, nil
}

func holdsAddress(n *yaml.Node, ip string) bool {
	if n.Kind == yaml.ScalarNode {
		return slices.Contains(strings.FieldsFunc(n.Value, func(c rune) bool {
			return !strings.ContainsRune("0123456789abcdefABCDEF.:", c)
		}), ip) || strings.Contains(n.Value, ip+":") || strings.Contains(n.Value, "["+ip+"]")
	}
	return slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return holdsAddress(c, ip) })
}

// setServicePort gives the Service the port of the wanted endpoint, where it
// still has the other one's.
func (r *render) setServicePort(o *resource.Object) {
	want, other := r.endpoints()
	for _, port := range elements(o.Node(), "spec", "ports") {
		if text(port, "name") != other.name && text(port, "port") != other.port {
			continue
		}
		if r.hasPort(o, want) {
			r.dropPort(o, port)
			return
		}
		putScalar(port, want.port, "port")
		if text(port, "name") != "" {
			putText(port, want.name, "name")
		}
		if text(port, "appProtocol") != "" {
			putText(port, want.name, "appProtocol")
		}
		if text(port, "targetPort") == other.name {
			putText(port, want.name, "targetPort")
		} else {
			putScalar(port, r.containerPort(), "targetPort")
		}
		r.changed(o, "port %s is now %s (%s)", other.port, want.port, want.name)
		return
	}
}

// dropPort takes the HTTPS port out of a Service that has one for HTTP beside it,
// when nothing serves it any more. HTTP beside HTTPS is the chart's to decide.
func (r *render) dropPort(o *resource.Object, port *yaml.RNode) {
	if !r.decided.HTTP {
		return
	}
	number := text(port, "port")
	removeFrom(o.Node(), func(p *yaml.RNode) bool { return p.YNode() == port.YNode() }, "spec", "ports")
	r.changed(o, "took port %s out", number)
}

func (r *render) hasPort(o *resource.Object, e endpoint) bool {
	return slices.ContainsFunc(elements(o.Node(), "spec", "ports"), func(port *yaml.RNode) bool {
		return text(port, "name") == e.name || text(port, "port") == e.port
	})
}

// containerPort is where the container listens at the wanted endpoint: as it
// declares by name, else the default.
func (r *render) containerPort() string {
	want, _ := r.endpoints()
	for _, port := range elements(r.registry.Container, "ports") {
		if text(port, "name") == want.name {
			return text(port, "containerPort")
		}
	}
	return want.containerPort
}
