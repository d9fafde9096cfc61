package registry

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Lookalikes returns, for manifests without a registry, what was looked at: every
// workload, every DaemonSet that mounts the container runtime's configuration, and every
// controller of cert-manager.
func Lookalikes(set *resource.Set) (map[Role][]Evidence, error) {
	none := &Registry{Rejected: map[Role][]Evidence{}}
	workloads, err := set.Select(WorkloadKinds)
	if err != nil {
		return nil, err
	}
	for _, o := range workloads {
		none.reject(Workload, o, OtherImage, runsImages(o))
	}
	daemonSets, err := set.Select([]string{"DaemonSet"}, runtimePaths...)
	if err != nil {
		return nil, err
	}
	for _, o := range daemonSets {
		e := Evidence{Object: o}
		e.addRuntimeMount(PodSpec(o.Node()))
		none.addWithoutRelease(TrustDistribution, e)
	}
	controllers, err := controllersIn(set)
	if err != nil {
		return nil, err
	}
	for _, o := range controllers {
		e := Evidence{Object: o}
		e.add(ControllerImage, "runs cert-manager's controller")
		none.addWithoutRelease(CertManager, e)
	}
	return none.Rejected, nil
}

func (reg *Registry) addWithoutRelease(role Role, e Evidence) {
	if len(e.For)+len(e.Against) > 0 {
		e.against(NoRelease, "there is no registry that it could belong to")
		reg.Rejected[role] = append(reg.Rejected[role], e)
	}
}

func runsImages(o *resource.Object) string {
	var images []string
	for _, c := range node.Items(PodSpec(o.Node()), "containers") {
		images = append(images, node.Text(c, "image"))
	}
	return "runs image " + strings.Join(images, ", ")
}

// Connection is where the registry's container takes its connection string from.
type Connection struct {
	// Variable is its environment variable, nil if a whole Secret is its environment.
	Variable *yaml.RNode
	// SecretName and Key name the Secret's value, empty for a string in the open and
	// for one that comes from elsewhere.
	SecretName, Key string
	// Secret is that Secret, nil if it is not in the stream.
	Secret *resource.Object
}

// String says in a few words where the connection string is.
func (c Connection) String() string {
	switch {
	case c.SecretName != "" && c.Secret == nil:
		return fmt.Sprintf("takes key %s of Secret %s, which is not in the stream", c.Key, c.SecretName)
	case c.SecretName != "":
		return fmt.Sprintf("key %s has the connection string", c.Key)
	case node.Lookup(c.Variable, "valueFrom") != nil:
		return ConnectionEnv + " comes from something that is no Secret"
	}
	return ConnectionEnv + " has the connection string in the open"
}

// FindConnection finds the place of the connection string. A container that sets no
// such variable and takes no Secret as its environment has none.
func (reg *Registry) FindConnection(set *resource.Set) (c Connection, err error) {
	c.Variable = Variable(reg.Container, ConnectionEnv)
	if ref := node.Lookup(c.Variable, "valueFrom", "secretKeyRef"); ref != nil {
		c.SecretName, c.Key = node.Text(ref, "name"), node.Text(ref, "key")
		c.Secret, err = reg.Release.Find(set, "Secret", c.SecretName)
	}
	if c.Variable != nil {
		return c, err
	}
	for _, source := range node.Items(reg.Container, "envFrom") {
		name := node.Text(source, "secretRef", "name")
		if name == "" || node.Text(source, "prefix") != "" {
			continue
		}
		o, err := reg.Release.Find(set, "Secret", name)
		if err != nil {
			return c, err
		}
		if o != nil && (node.Lookup(o.Node(), "data", ConnectionEnv) != nil || node.Lookup(o.Node(), "stringData", ConnectionEnv) != nil) {
			return Connection{SecretName: name, Key: ConnectionEnv, Secret: o}, nil
		}
	}
	return c, nil
}
