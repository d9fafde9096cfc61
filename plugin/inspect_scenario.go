package plugin

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/registry"
)

// documentedResult says whether the manifests satisfy a documented scenario.
type documentedResult struct {
	Name      string `json:"name"`
	Satisfied bool   `json:"satisfied"`
	Reason    string `json:"reason,omitempty"`
}

func (d documentedResult) status() string {
	if d.Satisfied {
		return statusYes
	}
	return statusNo
}

// documented runs each documented scenario on the manifests. A scenario is satisfied if
// it changes nothing but the marker.
func (p *program) documented(f *inspection) ([]documentedResult, error) {
	var results []documentedResult
	for _, d := range scenario.DocumentedScenarios() {
		result := documentedResult{Name: d.Name, Reason: f.lacksSecret(d.OwnSecret)}
		if result.Reason == "" {
			if d.OwnSecret != scenario.NoOwnSecret {
				d.Spec.TLS = &scenario.TLS{Secret: &f.registry.Secret}
			}
			var err error
			if result.Reason, err = p.wouldChange(f, d.Spec); err != nil {
				return nil, err
			}
		}
		result.Satisfied = result.Reason == ""
		results = append(results, result)
	}
	return results, nil
}

// lacksSecret says why the mounted Secret is not the one of a documented scenario.
func (f *inspection) lacksSecret(wanted scenario.OwnSecret) string {
	if wanted == scenario.NoOwnSecret {
		return ""
	}
	if f.registry.Secret == "" {
		return "no Secret is mounted at " + f.registry.CertificatePath
	}
	rendered, err := f.registry.Release.Find(f.set, "Secret", f.registry.Secret)
	switch {
	case err != nil:
		return err.Error()
	case wanted == scenario.RenderedSecret && rendered == nil:
		return "Secret " + f.registry.Secret + " is not in the stream"
	case wanted == scenario.ExistingSecret && rendered != nil:
		return "Secret " + f.registry.Secret + " is in the stream"
	}
	return ""
}

// wouldChange says what a scenario would change beside the marker, or why it cannot be
// applied, empty if the manifests satisfy it. The error is one of the manifests.
func (p *program) wouldChange(f *inspection, spec scenario.Spec) (string, error) {
	set, err := parse(f.input)
	if err != nil {
		return "", err
	}
	spec.Targets = f.layer.Scenario.Spec.Targets
	report, err := transformers.Run(set, &scenario.Layer{Source: "inspect", Scenario: described(f, spec)}, p.options(f.namespace))
	if err != nil {
		problem := problemsOf(err)[0]
		return strings.TrimPrefix(problem.Path+": "+problem.Message, ": "), nil
	}
	var changes []transformers.Change
	for _, c := range report.Changes {
		if c.Transformer != "marker" {
			changes = append(changes, c)
		}
	}
	if len(changes) == 0 {
		return "", nil
	}
	text := changes[0].Object.String() + ": " + changes[0].Message
	if len(changes) > 1 {
		text += fmt.Sprintf(", and %s", count(len(changes)-1, "more change"))
	}
	return "would change " + text, nil
}

func described(f *inspection, spec scenario.Spec) scenario.Scenario {
	metadata := scenario.Metadata{Name: "as-rendered"}
	if f.registry.Workload.Namespace == "" {
		metadata.Namespace = f.namespace
	}
	return scenario.Scenario{APIVersion: scenario.APIVersion, Kind: scenario.Kind, Metadata: metadata, Spec: spec}
}

// statement is one thing that a scenario can state of the manifests.
type statement struct {
	path, reason string
	state        func(*scenario.Spec)
}

// describe returns the smallest scenario that describes the manifests. A statement that
// would change them is left out, and a comment says so.
func (p *program) describe(f *inspection) ([]byte, error) {
	if f.registry == nil {
		return nil, f.missing
	}
	statements := append(f.certificateStatements(), f.objectStatements()...)
	var spec scenario.Spec
	for _, s := range statements {
		s.state(&spec)
	}
	reason, err := p.wouldChange(f, spec)
	if err != nil {
		return nil, err
	}
	var omitted []string
	if reason != "" {
		if statements, omitted, err = p.satisfiedOf(f, statements); err != nil {
			return nil, err
		}
	}
	spec = scenario.Spec{Targets: f.layer.Scenario.Spec.Targets}
	for _, s := range statements {
		s.state(&spec)
	}
	if reason, err = p.wouldChange(f, spec); err != nil || reason != "" {
		return nil, codes.Errorf(codes.ObjectUnwritable, "expected manifests that an empty scenario leaves unchanged, got: %s; correct that first, or report it with the output of inspect --redacted-render", reason)
	}
	return annotated(described(f, spec), statements, omitted)
}

// satisfiedOf returns the statements that the manifests satisfy together, in order, and
// the paths of the others with the reason.
func (p *program) satisfiedOf(f *inspection, statements []statement) (kept []statement, omitted []string, err error) {
	for _, s := range statements {
		var spec scenario.Spec
		for _, k := range append(kept[:len(kept):len(kept)], s) {
			k.state(&spec)
		}
		reason, err := p.wouldChange(f, spec)
		switch {
		case err != nil:
			return nil, nil, err
		case reason != "":
			omitted = append(omitted, s.path+" is left out: "+reason)
		default:
			kept = append(kept, s)
		}
	}
	return kept, omitted, nil
}

// certificateStatements say where the certificate comes from and who trusts it.
func (f *inspection) certificateStatements() []statement {
	reg := f.registry
	trust, bundled := reg.Trust != nil, len(reg.Bundle) > 0
	var list []statement
	trustReason := "no DaemonSet is proved to be the chart's"
	if trust {
		trustReason = reg.Trust.ID() + " is the chart's"
	}
	if reg.Ambiguous[registry.TrustDistribution] == nil {
		list = append(list, statement{"spec.trustDistribution.enabled", trustReason, func(s *scenario.Spec) {
			s.TrustDistribution = &scenario.TrustDistribution{Enabled: &trust}
		}})
	}
	yes := true
	switch {
	case reg.HTTP:
		list = append(list, statement{"spec.httpEnabled", "no Secret is mounted at " + reg.CertificatePath + ", and no port is HTTPS", func(s *scenario.Spec) { s.HTTPEnabled = &yes }})
	case reg.Certificate != nil:
		list = append(list, statement{"spec.certManager.enabled", reg.Certificate.ID() + " writes Secret " + reg.Secret, func(s *scenario.Spec) {
			s.CertManager = &scenario.CertManager{Enabled: &yes}
		}})
	case reg.Secret != "":
		list = append(list, statement{"spec.tls.secret", "it is mounted at " + reg.CertificatePath + ", and no Certificate writes it", func(s *scenario.Spec) {
			s.TLS = &scenario.TLS{Secret: &reg.Secret}
		}})
	}
	if reg.Ambiguous[registry.CertManager] != nil || bundled && reg.Certificate == nil {
		return list
	}
	bundleReason := "no controller of cert-manager is proved to be the chart's"
	if bundled {
		bundleReason = "its controller is the chart's"
	}
	return append(list, statement{"spec.certManager.install", bundleReason, func(s *scenario.Spec) {
		if s.CertManager == nil {
			s.CertManager = &scenario.CertManager{}
		}
		s.CertManager.Install = &bundled
	}})
}

// objectStatements say what the Service, the claim, and the workload are.
func (f *inspection) objectStatements() []statement {
	reg := f.registry
	var list []statement
	add := func(path, reason string, state func(*scenario.Spec)) {
		list = append(list, statement{path, reason, state})
	}
	if ip := clusterIPOf(reg); ip != "" {
		add("spec.service.clusterIP", reg.Service.ID()+" has it", func(s *scenario.Spec) { s.Service = &scenario.Service{ClusterIP: &ip} })
	}
	if host := reg.Env(registry.LoginServerEnv, ""); host != "" {
		add("spec.registryLoginServer", "variable "+registry.LoginServerEnv+" has it", func(s *scenario.Spec) { s.RegistryLoginServer = &host })
	}
	if reg.PVC != nil {
		class, request := node.Text(reg.PVC.Node(), "spec", "storageClassName"), node.Text(reg.PVC.Node(), "spec", "resources", "requests", "storage")
		pvc := func(s *scenario.Spec) *scenario.PVC {
			if s.PVC == nil {
				s.PVC = &scenario.PVC{}
			}
			return s.PVC
		}
		if class != "" {
			add("spec.pvc.storageClassName", reg.PVC.ID()+" has it", func(s *scenario.Spec) { pvc(s).StorageClassName = &class })
		}
		if request != "" {
			add("spec.pvc.storageRequest", reg.PVC.ID()+" has it", func(s *scenario.Spec) { pvc(s).StorageRequest = &request })
		}
	}
	return append(list, f.readOnlyStatements()...)
}

func clusterIPOf(reg *registry.Registry) string {
	if reg.Service == nil {
		return ""
	}
	if ip := node.Text(reg.Service.Node(), "spec", "clusterIP"); ip != "None" {
		return ip
	}
	return ""
}

// readOnlyStatements say what an earlier run, or the chart, did for a read-only registry.
func (f *inspection) readOnlyStatements() []statement {
	reg, yes := f.registry, true
	var list []statement
	if mode := scenario.Mode(reg.Workload.Labels()[transformers.ModeLabel]); mode != "" {
		list = append(list, statement{"spec.mode", "label " + transformers.ModeLabel + " records it", func(s *scenario.Spec) { s.Mode = &mode }})
	}
	readOnly := func(s *scenario.Spec) *scenario.ReadOnly {
		if s.ReadOnly == nil {
			s.ReadOnly = &scenario.ReadOnly{}
		}
		return s.ReadOnly
	}
	if reg.Proxied {
		image := ""
		for _, c := range reg.Containers() {
			if registry.IsProxy(c) {
				image = node.Text(c, "image")
			}
		}
		list = append(list, statement{"spec.readOnly.enforce", "container " + registry.ProxyContainer + " is before the registry", func(s *scenario.Spec) {
			readOnly(s).Enforce = &yes
			if image != "" && image != scenario.DefaultProxyImage {
				s.ReadOnly.ProxyImage = &image
			}
		}})
	}
	if node.Text(reg.Container, "securityContext", "readOnlyRootFilesystem") == "true" {
		paths := []string{}
		for _, m := range node.Items(reg.Container, "volumeMounts") {
			if strings.HasPrefix(node.Text(m, "name"), transformers.WritablePrefix) {
				paths = append(paths, node.Text(m, "mountPath"))
			}
		}
		list = append(list, statement{"spec.readOnly.rootFilesystem", "the registry's container states readOnlyRootFilesystem", func(s *scenario.Spec) {
			readOnly(s).RootFilesystem, s.ReadOnly.WritablePaths = &yes, paths
		}})
	}
	return list
}

// annotated writes a scenario with the reason for each statement as a comment.
func annotated(s scenario.Scenario, statements []statement, omitted []string) ([]byte, error) {
	text, err := s.YAML()
	if err != nil {
		return nil, err
	}
	root, err := yaml.Parse(string(text))
	if err != nil {
		return nil, err
	}
	comment := func(text string) string { return "# " + printable(scrub(strings.Join(strings.Fields(text), " "))) }
	for _, s := range statements {
		if value := node.Lookup(root, strings.Split(s.path, ".")...); value != nil {
			value.YNode().LineComment = comment(s.reason)
		}
	}
	var head strings.Builder
	fmt.Fprintln(&head, comment("What "+name+" inspect took the manifests for."))
	for _, line := range omitted {
		fmt.Fprintln(&head, comment(line))
	}
	body, err := root.String()
	return []byte(head.String() + body), err
}
