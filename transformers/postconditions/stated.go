package postconditions

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	manifest "github.com/connected-registry/scenario/transformers/resource"
)

// notAsStated is a field that is not what the scenario states.
func notAsStated(o *manifest.Object, field, want, got string) error {
	return failure(codes.NotAsStated, o, "report it with the rendered manifests and the scenario", "%s: expected %s, got %q", field, want, got)
}

// addressIsStated: the Service has the stated address.
func addressIsStated(_ *manifest.Set, e expected) ([]error, error) {
	stated := e.Spec.Service
	if stated == nil || stated.ClusterIP == nil || e.Service == nil {
		return nil, nil
	}
	n := e.Service.Node().YNode()
	if got := scalar(n, "spec", "clusterIP"); !sameAddress(got, *stated.ClusterIP) {
		return []error{notAsStated(e.Service, "spec.clusterIP", *stated.ClusterIP, got)}, nil
	}
	for _, first := range at(n, []string{"spec", "clusterIPs"}) {
		if len(first.Content) > 0 && !sameAddress(first.Content[0].Value, *stated.ClusterIP) {
			return []error{notAsStated(e.Service, "spec.clusterIPs[0]", *stated.ClusterIP, first.Content[0].Value)}, nil
		}
	}
	return nil, nil
}

func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x == y
}

// claimIsStated: the claim of the registry's data has the stated class and size.
func claimIsStated(_ *manifest.Set, e templated) ([]error, error) {
	stated := e.Spec.PVC
	if stated == nil || e.Claim == nil {
		return nil, nil
	}
	var specs []*yaml.Node
	if e.Claim == e.Workload {
		for _, templates := range at(e.Claim.Node().YNode(), []string{"spec", "volumeClaimTemplates"}) {
			for _, template := range templates.Content {
				specs = append(specs, at(template, []string{"spec"})...)
			}
		}
	} else {
		specs = at(e.Claim.Node().YNode(), []string{"spec"})
	}
	matches := func(spec *yaml.Node) bool {
		return (stated.StorageClassName == nil || scalar(spec, "storageClassName") == *stated.StorageClassName) &&
			(stated.StorageRequest == nil || sameSize(scalar(spec, "resources", "requests", "storage"), *stated.StorageRequest))
	}
	if !slices.ContainsFunc(specs, matches) {
		return []error{notAsStated(e.Claim, "spec", "the stated storageClassName and storageRequest", "others")}, nil
	}
	return nil, nil
}

func sameSize(a, b string) bool {
	x, errX := resource.ParseQuantity(a)
	y, errY := resource.ParseQuantity(b)
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

// podIsStated: the registry's pod has the stated login server, root file system and
// writable paths, and the workload records the stated mode.
func podIsStated(_ *manifest.Set, e templated) ([]error, error) {
	var failures []error
	wrong := func(field, want, got string) { failures = append(failures, notAsStated(e.Workload, field, want, got)) }
	c := e.template.container(e.Container)
	if c == nil {
		return []error{noContainer(e.expected)}, nil
	}
	if mode := e.Spec.Mode; mode != nil {
		if got := e.Workload.Labels()["connectedregistry.dev/mode"]; got != string(*mode) {
			wrong("metadata.labels", "mode "+string(*mode), got)
		}
	}
	if server := e.Spec.RegistryLoginServer; server != nil {
		for _, v := range c.Env {
			if v.Name == "ACR_REGISTRY_LOGIN_SERVER" && v.Value != "" && v.Value != *server {
				wrong("env "+v.Name, *server, v.Value)
			}
		}
	}
	if stated := e.Spec.ReadOnly; stated != nil && stated.RootFilesystem != nil {
		if got := c.SecurityContext.ReadOnlyRootFilesystem; got != *stated.RootFilesystem {
			wrong("securityContext.readOnlyRootFilesystem", "the stated rootFilesystem", map[bool]string{true: "true", false: "false"}[got])
		}
		paths := stated.WritablePaths
		if paths == nil {
			paths = []string{scenario.DefaultWritablePath}
		}
		for _, p := range paths {
			isMounted := slices.ContainsFunc(c.VolumeMounts, func(m volumeMount) bool { return strings.TrimSuffix(m.MountPath, "/") == p && !m.ReadOnly })
			if *stated.RootFilesystem && !isMounted {
				wrong("volumeMounts", "a writable mount at "+p, "none")
			}
		}
	}
	if e.Spec.TrustDistribution != nil && e.Spec.TrustDistribution.UseNodeSelector != nil && e.Trust != nil {
		got := scalar(e.Trust.Node().YNode(), "spec", "template", "spec", "nodeSelector", "containerd-configured-by")
		if (got == "connected-registry") != *e.Spec.TrustDistribution.UseNodeSelector {
			failures = append(failures, notAsStated(e.Trust, "spec.template.spec.nodeSelector", "the stated useNodeSelector", got))
		}
	}
	return failures, nil
}

// certificateIsStated: the Certificate that writes the effective Secret holds every name
// and address of the registry, and what else the scenario states of it.
func certificateIsStated(set *manifest.Set, e expected) ([]error, error) {
	if !e.Concerned || e.HTTP {
		return nil, nil
	}
	writers, err := e.writers(set, e.Secret)
	if err != nil || len(writers) != 1 {
		return nil, err // certificateWritesSecret reports it
	}
	o := writers[0]
	n := o.Node().YNode()
	var failures []error
	wrong := func(field, want, got string) { failures = append(failures, notAsStated(o, field, want, got)) }
	for field, wanted := range map[string][]string{"dnsNames": e.DNSNames, "ipAddresses": e.IPAddresses} {
		for _, want := range wanted {
			holds := func(list *yaml.Node) bool {
				return slices.ContainsFunc(list.Content, func(san *yaml.Node) bool { return covers(san.Value, want) })
			}
			if !slices.ContainsFunc(at(n, []string{"spec", field}), holds) {
				wrong("spec."+field, want, "")
			}
		}
	}
	cm := e.Spec.CertManager
	if cm == nil {
		return failures, nil
	}
	if ref := cm.IssuerRef; ref != nil {
		kind := either(ref.Kind, scenario.DefaultIssuerKind)
		if scalar(n, "spec", "issuerRef", "name") != ref.Name || either(scalar(n, "spec", "issuerRef", "kind"), "Issuer") != kind {
			wrong("spec.issuerRef", kind+" "+ref.Name, scalar(n, "spec", "issuerRef", "name"))
		}
	}
	for field, want := range map[string]*string{"duration": cm.Duration, "renewBefore": cm.RenewBefore} {
		if got := scalar(n, "spec", field); want != nil && !sameTime(got, *want) {
			wrong("spec."+field, *want, got)
		}
	}
	if key := cm.PrivateKey; key != nil && key.Algorithm != nil && scalar(n, "spec", "privateKey", "algorithm") != *key.Algorithm {
		wrong("spec.privateKey.algorithm", *key.Algorithm, scalar(n, "spec", "privateKey", "algorithm"))
	}
	return failures, nil
}

func covers(san, want string) bool {
	_, parent, _ := strings.Cut(want, ".")
	return strings.EqualFold(san, want) || sameAddress(san, want) || strings.HasPrefix(san, "*.") && strings.EqualFold(san[2:], parent)
}

func sameTime(a, b string) bool {
	x, errX := time.ParseDuration(a)
	y, errY := time.ParseDuration(b)
	return errX == nil && errY == nil && x == y
}

// certificateIsInSecret: the effective Secret holds the scenario's own certificate and
// key. No failure repeats them.
func certificateIsInSecret(set *manifest.Set, e expected) ([]error, error) {
	material := e.Spec.TLS.Material()
	if material == nil {
		return nil, nil
	}
	data, err := dataOf(set, e, e.Secret)
	if err != nil {
		return nil, err
	}
	for key, want := range map[string][]byte{"tls.crt": material.Crt, "tls.key": material.Key} {
		if !bytes.Equal([]byte(data[key]), want) {
			return []error{failure(codes.NotAsStated, e.Workload, "report it with the rendered manifests", "Secret %s does not hold the scenario's %s", e.Secret, key)}, nil
		}
	}
	return nil, nil
}

// runIsRecorded: the marker names the scenario and has its digest.
func runIsRecorded(_ *manifest.Set, e expected) ([]error, error) {
	if e.Scenario == "" {
		return nil, nil
	}
	annotations := e.Workload.Annotations()
	for key, want := range map[string]string{"connectedregistry.dev/scenario": e.Scenario, "connectedregistry.dev/scenario-digest": e.Digest} {
		if !slices.Contains(strings.Split(annotations[key], ","), want) {
			return []error{notAsStated(e.Workload, "metadata.annotations["+key+"]", want, annotations[key])}, nil
		}
	}
	return nil, nil
}
