package transformers

import (
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

const resourcePolicyAnnotation = "helm.sh/resource-policy"

// Installation is a connected registry as a manifest says that it was installed:
// what belongs to it, and what it makes the cluster hold beside that.
type Installation struct {
	// Release is the Helm release's name. Namespace is empty where nothing says it.
	Release, Namespace string
	// Recorded says whether a run of this program left its record on the workload.
	Recorded bool

	// Own are the installation's objects in the manifest's order, Added those of
	// them that a scenario brought. Hooks and CRDs are not among them.
	Own, Added []*resource.Object
	// Hooks are its Helm hooks. Helm deletes those that succeeded, where their policy
	// says so, and none with the release.
	Hooks []*resource.Object
	// CRDs are those of the bundled cert-manager.
	CRDs []*resource.Object
	// Retained are those of Own that Helm leaves behind because they say so.
	Retained []*resource.Object
	// Others are in the manifest, and nothing says that they are the installation's.
	Others []*resource.Object

	// Issued are the Secrets that cert-manager writes for the installation's
	// Certificates, and for its own webhook where it is bundled.
	Issued []Name
	// Leases are those by which the bundled cert-manager elects its leaders.
	Leases []Name
	// Claims are the volume claims that hold the registry's data.
	Claims []Name
	// Foreign are what the installation uses and did not bring.
	Foreign []Foreign

	// Bundle says that cert-manager was installed with the registry.
	Bundle bool
	// Trust says that a DaemonSet configures the nodes' container runtime,
	// NodeSelector that it does so on labelled nodes only, RuntimePaths where.
	Trust, NodeSelector bool
	RuntimePaths        []string
	// Address is the Service's clusterIP, empty where the cluster chose it.
	Address string
}

// Name is an object's, of a kind that is known from elsewhere.
type Name struct{ Namespace, Name string }

// Foreign is an object of somebody else's that the installation uses.
type Foreign struct{ Kind, Namespace, Name, Use string }

// Recognise says what is installed by a manifest: the output of helm get manifest,
// or of kustomize build. Of layer only spec.targets counts; it may be nil.
func Recognise(set *resource.Set, layer *scenario.Layer, namespace string) (*Installation, error) {
	if layer == nil {
		layer = &scenario.Layer{}
	}
	reg, err := registry.Recognize(set, layer, namespace)
	if err != nil {
		return nil, err
	}
	x := &Installation{
		Release: reg.Release.Name, Namespace: reg.Release.Namespace, Bundle: len(reg.Bundle) > 0,
		Recorded: reg.Workload.Annotations()[registry.ScenarioAnnotation] != "",
	}
	all, err := set.Heads(nil)
	if err != nil {
		return nil, err
	}
	used := usedNames(reg)
	for _, o := range all {
		x.sort(o, reg, used)
	}
	for _, step := range []func(*resource.Set, *registry.Registry) error{x.findIssued, x.findForeign} {
		if err := step(set, reg); err != nil {
			return nil, err
		}
	}
	x.findBundleLeavings(reg)
	x.findClaims(reg)
	x.findTrust(reg)
	if reg.Service != nil {
		if ip := text(reg.Service.Node(), "spec", "clusterIP"); ip != "None" {
			x.Address = ip
		}
	}
	return x, nil
}

// sort puts an object of the manifest where it belongs.
func (x *Installation) sort(o *resource.Object, reg *registry.Registry, used map[string]bool) {
	bundled := reg.InBundle(o)
	switch {
	case o.Kind == "Namespace" && o.Name == reg.Release.Namespace: // the namespace is looked at by itself
	case !bundled && !belongs(reg, o, used):
		x.Others = append(x.Others, o)
	case o.Kind == "CustomResourceDefinition": // a hook too is never deleted by name alone
		x.CRDs = append(x.CRDs, o)
	case o.Annotations()[registry.HookAnnotation] != "":
		x.Hooks = append(x.Hooks, o)
	default:
		x.Own = append(x.Own, o)
		if registry.IsAdded(o) {
			x.Added = append(x.Added, o)
		}
		if o.Annotations()[resourcePolicyAnnotation] == "keep" {
			x.Retained = append(x.Retained, o)
		}
	}
}

// belongs says whether an object is the release's beyond doubt: by its label, by
// what it is to the registry, or because a scenario added it. In a chart without
// labels it is what the registry uses.
func belongs(reg *registry.Registry, o *resource.Object, used map[string]bool) bool {
	if registry.IsAdded(o) || slices.Contains([]*resource.Object{reg.Workload, reg.Service, reg.PVC, reg.Trust}, o) {
		return true
	}
	if instance := o.Labels()[registry.InstanceLabel]; instance != "" {
		return instance == reg.Release.Instance
	}
	return used[o.String()] && reg.Release.SameNamespace(o.Namespace)
}

// usedNames are Kind/name of what the registry's own pods refer to.
func usedNames(reg *registry.Registry) map[string]bool {
	used := map[string]bool{}
	for _, o := range []*resource.Object{reg.Workload, reg.Trust} {
		if o == nil {
			continue
		}
		pod := registry.PodSpec(o.Node())
		for _, name := range configMapNames(pod) {
			used["ConfigMap/"+name] = true
		}
		if account := text(pod, "serviceAccountName"); account != "" && account != "default" {
			used["ServiceAccount/"+account] = true
		}
	}
	return used
}

// findIssued finds the Secrets that outlive their Certificates: cert-manager deletes
// them only where it runs with --enable-certificate-owner-ref.
func (x *Installation) findIssued(set *resource.Set, reg *registry.Registry) error {
	certificates, err := set.Select([]string{"Certificate"}, registry.CertManagerGroup)
	for _, o := range certificates {
		name := text(o.Node(), "spec", "secretName")
		if registry.IsCertManager(o, "Certificate") && slices.Contains(x.Own, o) && name != "" {
			x.Issued = append(x.Issued, Name{orElse(o.Namespace, reg.Release.Namespace), name})
		}
	}
	return err
}

// findForeign finds the Secrets and issuers that the installation uses and that
// nothing of it makes.
func (x *Installation) findForeign(set *resource.Set, reg *registry.Registry) error {
	namespace := reg.Release.Namespace
	made := map[string]bool{}
	for _, o := range x.Own {
		made[o.String()] = true
	}
	for _, name := range x.Issued {
		made["Secret/"+name.Name] = true
	}
	for _, o := range []*resource.Object{reg.Workload, reg.Trust} {
		if o == nil {
			continue
		}
		for _, ref := range registry.SecretRefs(registry.PodSpec(o.Node())) {
			if name := ref.Name(); name != "" && !made["Secret/"+name] {
				made["Secret/"+name] = true
				x.Foreign = append(x.Foreign, Foreign{"Secret", namespace, name, o.String() + " takes it, and nothing of the installation makes it"})
			}
		}
	}
	certificates, err := set.Select([]string{"Certificate"}, registry.CertManagerGroup)
	for _, o := range certificates {
		ref := lookup(o.Node(), "spec", "issuerRef")
		kind, name := orElse(text(ref, "kind"), "Issuer"), text(ref, "name")
		if !slices.Contains(x.Own, o) || made[kind+"/"+name] {
			continue
		}
		made[kind+"/"+name] = true
		issuer := Foreign{Kind: kind, Namespace: orElse(o.Namespace, namespace), Name: name, Use: o.String() + " is signed by it, and nothing of the installation makes it"}
		if kind == "ClusterIssuer" {
			issuer.Namespace = ""
		}
		x.Foreign = append(x.Foreign, issuer)
	}
	return err
}

// findBundleLeavings finds what a bundled cert-manager makes by itself while it runs.
func (x *Installation) findBundleLeavings(reg *registry.Registry) {
	const webhookSecret = "--dynamic-serving-ca-secret-name=" // of cert-manager's webhook
	for _, e := range reg.Bundle {
		o := e.Object
		namespace := orElse(o.Namespace, reg.Release.Namespace)
		switch o.Kind {
		case "Deployment":
			for _, c := range elements(o.Node(), "spec", "template", "spec", "containers") {
				for _, arg := range elements(c, "args") {
					if name, found := strings.CutPrefix(arg.YNode().Value, webhookSecret); found {
						x.Issued = append(x.Issued, Name{namespace, name})
					}
				}
			}
		case "Role":
			for _, rule := range elements(o.Node(), "rules") {
				if !slices.ContainsFunc(elements(rule, "resources"), func(n *yaml.RNode) bool { return n.YNode().Value == "leases" }) {
					continue
				}
				for _, name := range elements(rule, "resourceNames") {
					x.Leases = append(x.Leases, Name{namespace, name.YNode().Value})
				}
			}
		}
	}
}

// findClaims finds the claims of the registry's data, those that a StatefulSet makes
// of its templates included: nothing deletes these with it.
func (x *Installation) findClaims(reg *registry.Registry) {
	namespace := reg.Release.Namespace
	if name := reg.ClaimName(); name != "" {
		x.Claims = append(x.Claims, Name{namespace, name})
	}
	for _, template := range elements(reg.Workload.Node(), "spec", "volumeClaimTemplates") {
		x.Claims = append(x.Claims, Name{namespace, text(template, "metadata", "name") + "-" + reg.Workload.Name + "-0"})
	}
}

func (x *Installation) findTrust(reg *registry.Registry) {
	if reg.Trust == nil {
		return
	}
	x.Trust = true
	pod := registry.PodSpec(reg.Trust.Node())
	x.NodeSelector = text(pod, "nodeSelector", trustNodeLabel) != ""
	for _, v := range elements(pod, "volumes") {
		if hostPath := text(v, "hostPath", "path"); hostPath != "" {
			x.RuntimePaths = append(x.RuntimePaths, hostPath)
		}
	}
}
