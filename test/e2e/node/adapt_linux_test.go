package node

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// adaptation makes manifests run on a node that shares the machine's network and has
// no other. It comes after our program and lets everything be that a scenario decides:
//
//   - pods are put on the node, in the machine's network, and use the images that the
//     node has;
//   - the registry's container is told to listen on a free port of loopback instead of
//     its own, and its port, its probes and its Service follow: a name stays a name, and
//     a number follows only when it is the container's port. Probes ask every second, for the
//     tests to be fast;
//   - nothing of other charts is put on the node, so that it stays pending: the tests
//     run cert-manager's real controllers beside the API server. Its webhooks are left
//     out, because an API server outside of the pods' network cannot call them.
type adaptation struct {
	Node string
	// Own are the numbers by which a Service may name the registry's port, Port is the one
	// that it listens on.
	Own  []string
	Port int
}

func (a adaptation) apply(stream string) (string, error) {
	objects, err := kio.ParseAll(stream)
	if err != nil {
		return "", err
	}
	var kept []*yaml.RNode
	for _, object := range objects {
		if strings.HasSuffix(object.GetKind(), "WebhookConfiguration") {
			continue
		}
		if err := a.adapt(object); err != nil {
			return "", fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		kept = append(kept, object)
	}
	return kio.StringAll(kept)
}

func (a adaptation) adapt(object *yaml.RNode) error {
	if !strings.HasPrefix(object.GetLabels()["helm.sh/chart"], "connected-registry-") {
		return nil
	}
	switch object.GetKind() {
	case "Service":
		return a.adaptService(object)
	case "Deployment", "StatefulSet", "DaemonSet":
	default:
		return nil
	}
	pod, err := object.Pipe(yaml.Lookup("spec", "template", "spec"))
	if err != nil || pod == nil {
		return fmt.Errorf("no pod: %w", err)
	}
	if err := pod.SetMapField(yaml.NewStringRNode(a.Node), "nodeName"); err != nil {
		return err
	}
	if err := pod.SetMapField(yaml.MustParse("true"), "hostNetwork"); err != nil {
		return err
	}
	containers, err := pod.Pipe(yaml.Lookup("containers"))
	if err != nil || containers == nil {
		return fmt.Errorf("no containers: %w", err)
	}
	return containers.VisitElements(a.adaptContainer)
}

// adaptService lets a number follow that is one of Own; a name stays.
func (a adaptation) adaptService(service *yaml.RNode) error {
	ports, err := service.Pipe(yaml.Lookup("spec", "ports"))
	if err != nil || ports == nil {
		return err
	}
	return ports.VisitElements(func(port *yaml.RNode) error {
		if slices.Contains(a.Own, yaml.GetValue(port.Field("targetPort").Value)) {
			return port.SetMapField(yaml.MustParse(strconv.Itoa(a.Port)), "targetPort")
		}
		return nil
	})
}

func (a adaptation) adaptContainer(container *yaml.RNode) error {
	if err := container.SetMapField(yaml.NewStringRNode("Never"), "imagePullPolicy"); err != nil {
		return err
	}
	ports, err := container.Pipe(yaml.Lookup("ports"))
	if err != nil || ports == nil {
		return err
	}
	elements, err := ports.Elements()
	if err != nil {
		return err
	}
	if len(elements) != 1 {
		return fmt.Errorf("expected the one port that the registry serves on, found %d", len(elements))
	}
	own := yaml.GetValue(elements[0].Field("containerPort").Value)
	port := yaml.MustParse(strconv.Itoa(a.Port))
	if err := elements[0].SetMapField(port, "containerPort"); err != nil {
		return err
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		if err := a.adaptProbe(container, own, probe); err != nil {
			return err
		}
	}
	address := yaml.MustParse(fmt.Sprintf("{name: STANDIN_ADDRESS, value: '127.0.0.1:%d'}", a.Port))
	return container.PipeE(yaml.LookupCreate(yaml.SequenceNode, "env"), yaml.Append(address.YNode()))
}

// adaptProbe: kubelet asks the pod's address otherwise, which is the machine's.
func (a adaptation) adaptProbe(container *yaml.RNode, own, probe string) error {
	get, err := container.Pipe(yaml.Lookup(probe, "httpGet"))
	if err != nil || get == nil {
		return err
	}
	if err := get.SetMapField(yaml.NewStringRNode("127.0.0.1"), "host"); err != nil {
		return err
	}
	if err := container.PipeE(yaml.Lookup(probe), yaml.SetField("periodSeconds", yaml.MustParse("1"))); err != nil {
		return err
	}
	if yaml.GetValue(get.Field("port").Value) != own {
		return nil
	}
	return get.SetMapField(yaml.MustParse(strconv.Itoa(a.Port)), "port")
}
