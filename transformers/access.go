package transformers

import (
	"net/netip"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/keypair"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Access is how clients reach a registry on which a scenario holds, and what they
// must trust. Nothing in it is secret.
type Access struct {
	// Release is the Helm release's name, and Namespace its namespace, empty where
	// the manifests leave it to whoever applies them.
	Release, Namespace string
	// Addresses are the Service's, its clusterIP first; none where the cluster is
	// to choose it.
	Addresses []netip.Addr
	// Port is the Service's, such as 443.
	Port string
	// LoginServer is host or host:port, empty for none.
	LoginServer string
	// HTTP says that the registry serves no TLS, so that there is nothing to trust.
	HTTP bool
	// Secret is the Secret that the registry serves TLS from.
	Secret string
	// Issued says that cert-manager writes that Secret.
	Issued bool
	// Crt is the registry's certificate and CA what clients must trust, as PEM; nil
	// where the cluster alone knows them. CAFrom says where CA was found.
	Crt, CA []byte
	CAFrom  string
	// Service is the registry's, and DaemonSet the trust distribution that the
	// result still has, nil for none.
	Service, DaemonSet *resource.Object
}

// AccessOf runs a scenario on a render, which [Run] says more about, and tells how
// clients reach the result.
func AccessOf(set *resource.Set, layer *scenario.Layer, options Options) (*Access, *Report, error) {
	r, err := transform(set, layer, options)
	if err != nil {
		return nil, nil, err
	}
	if err := r.verify(); err != nil {
		return nil, nil, err
	}
	service, err := r.service()
	if err != nil {
		return nil, nil, err
	}
	a := &Access{
		Service: service,
		Release: r.registry.Release.Name, Namespace: r.registry.Release.Namespace,
		Addresses: addressesOf(service), Port: r.servicePort(service.Node()), LoginServer: r.spelledLoginServer(),
		HTTP: r.decided.HTTP, Secret: r.decided.Secret, Issued: r.decided.CertManager,
	}
	a.DaemonSet = r.decided.Trust
	if a.HTTP {
		return a, r.report, nil
	}
	return a, r.report, r.findCA(a)
}

// servicePort is the Service's port for clients: by name or number as documented,
// else its first.
func (r *render) servicePort(service *yaml.RNode) string {
	want, _ := r.endpoints()
	ports := elements(service, "spec", "ports")
	for _, port := range ports {
		if text(port, "name") == want.name || text(port, "port") == want.port {
			return text(port, "port")
		}
	}
	if len(ports) > 0 {
		return text(ports[0], "port")
	}
	return want.port
}

// spelledLoginServer is the login server with its port, as stated, else as rendered.
func (r *render) spelledLoginServer() string {
	if stated := r.spec.RegistryLoginServer; stated != nil {
		return *stated
	}
	return r.registry.Env(registry.LoginServerEnv, "")
}

// findCA finds what clients must trust in the scenario, or in a Secret of the render.
func (r *render) findCA(a *Access) error {
	if r.material != nil {
		a.Crt, a.CA, a.CAFrom = r.material.Crt, r.materialCA, "spec.tls"
		return nil
	}
	o, err := r.named("Secret", a.Secret)
	if err != nil || o == nil {
		return err
	}
	data := secretData(o)
	// What is wrong with it was said where the scenario depends on it.
	info, _ := keypair.Check(scenario.Material{Crt: data[crtKey], Key: data[keyKey], CaCrt: data[caKey]}, keypair.Fields{}, keypair.Want{})
	a.Crt, a.CA, a.CAFrom = data[crtKey], info.CA, o.String()
	return nil
}
