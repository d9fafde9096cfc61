package registry

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// FactCode names a kind of fact. The set is closed.
type FactCode string

// What speaks for a role, or for an object being the chart's.
const (
	RegistryImage      FactCode = "registry-image"      // runs the registry's image
	ConnectionVariable FactCode = "connection-variable" // sets the registry's connection string
	ConnectionPlace    FactCode = "connection-place"    // holds the registry's connection string
	IssuesCertificate  FactCode = "issues-certificate"  // issues the registry's certificate
	SelectsPods        FactCode = "selects-pods"        // selects the registry's pods
	MountedByRegistry  FactCode = "mounted"             // is mounted by the registry's container
	WritesSecret       FactCode = "writes-secret"       // writes the Secret that the registry mounts
	DocumentedName     FactCode = "documented-name"     // has the name that the documentation gives it
	MountsCA           FactCode = "mounts-ca"           // mounts the registry's CA or certificate
	WritesRuntime      FactCode = "writes-runtime"      // can write the container runtime's configuration
	ControllerImage    FactCode = "controller-image"    // runs a program of cert-manager
	ComponentLabel     FactCode = "component-label"     // has the labels of a component of cert-manager
	CRDName            FactCode = "crd-name"            // is one of cert-manager's own six CRDs
	CallsService       FactCode = "calls-service"       // calls a Service of the bundle
	SelectsBundle      FactCode = "selects-bundle"      // selects pods of the bundle only
	ChartPath          FactCode = "chart-path"          // was rendered from a template of the registry's chart
	SubchartPath       FactCode = "subchart-path"       // was rendered from a template of the bundle's chart
	ChartLabel         FactCode = "chart-label"         // has the chart label
	ReleaseLabel       FactCode = "release-label"       // has the release's instance label, in its namespace
	ReleaseNamespace   FactCode = "release-namespace"   // is in the namespace of a release that labels nothing
	ReleaseName        FactCode = "release-name"        // is named after a release that labels nothing
	SameNamespace      FactCode = "same-namespace"      // is in the release's namespace, without an instance label
	ReleaseOwner       FactCode = "release-owner"       // Helm's annotation names the release
	AddedByScenario    FactCode = "added-by-scenario"   // an earlier run added it
	NamedByTarget      FactCode = "named-by-target"     // spec.targets names it
	ReferencedOnly     FactCode = "referenced-only"     // only removed objects refer to it
)

// What speaks against it.
const (
	OtherInstance  FactCode = "other-instance"  // has another release's instance label
	OtherNamespace FactCode = "other-namespace" // is in another namespace
	OtherChart     FactCode = "other-chart"     // belongs to another chart
	OtherOwner     FactCode = "other-owner"     // Helm's annotation names another release
	ReadOnlyMount  FactCode = "read-only-mount" // only reads the container runtime's configuration
	OtherImage     FactCode = "other-image"     // runs another image than the registry's
	OtherPods      FactCode = "other-pods"      // selects other pods than the registry's
	Headless       FactCode = "headless"        // has no address, and another Service has one
	NotMounted     FactCode = "not-mounted"     // is not mounted at the registry's data directory
	OtherSecret    FactCode = "other-secret"    // writes another Secret than the registry mounts
	NoRelease      FactCode = "no-release"      // there is no registry whose release it could be of
)

// Fact is one thing that an object shows, in a few words.
type Fact struct {
	Code FactCode `json:"code"`
	Text string   `json:"text"`
}

// Evidence is what speaks for and against an object's role.
type Evidence struct {
	Object       *resource.Object
	For, Against []Fact
}

func (e *Evidence) add(code FactCode, text string) { e.For = append(e.For, Fact{code, text}) }

func (e *Evidence) against(code FactCode, text string) {
	e.Against = append(e.Against, Fact{code, text})
}

// has reports whether one of these facts speaks for the object.
func (e Evidence) has(codes ...FactCode) bool {
	return slices.ContainsFunc(e.For, func(f Fact) bool { return slices.Contains(codes, f.Code) })
}

// Owned reports whether the evidence proves that the object is the release's: a mark of
// the release, and nothing against it.
func (e Evidence) Owned() bool {
	return len(e.Against) == 0 && e.has(ChartPath, SubchartPath, ReleaseLabel, ReleaseNamespace, ReleaseName, ReleaseOwner, AddedByScenario, NamedByTarget)
}

// String is the facts in one line: what speaks for it, then what speaks against.
func (e Evidence) String() string {
	var words []string
	for _, f := range e.For {
		words = append(words, f.Text)
	}
	text := strings.Join(words, ", ")
	words = nil
	for _, f := range e.Against {
		words = append(words, f.Text)
	}
	if len(words) > 0 {
		text = strings.TrimPrefix(text+"; but "+strings.Join(words, ", "), "; ")
	}
	return text
}

// OnlyReferredToBy is the evidence for an object that only a removed one referred to.
func (reg *Registry) OnlyReferredToBy(o, user *resource.Object) Evidence {
	e := reg.Release.marks(o)
	e.add(ReferencedOnly, "only "+user.String()+" referred to it")
	return e
}

// Release is what belongs together.
type Release struct {
	// Name is the Helm release's. Instance is empty if nothing is labelled.
	Name, Instance string
	// Namespace is empty if the manifests leave it to the command that applies them.
	Namespace string

	chart     string // the chart label of the workload
	directory string // the directory of the workload's chart within the Helm release, empty if unknown
	owner     string // Helm's annotation of the workload
}

// The labels and annotations by which Helm charts and Helm say what belongs together.
const (
	InstanceLabel    = "app.kubernetes.io/instance"
	nameLabel        = "app.kubernetes.io/name"
	componentLabel   = "app.kubernetes.io/component"
	HelmChartLabel   = "helm.sh/chart"
	ReleaseNameLabel = "meta.helm.sh/release-name"
	HookAnnotation   = "helm.sh/hook"
)

func releaseOf(workload *resource.Object, namespace string) Release {
	labels := workload.Labels()
	r := Release{
		Instance: labels[InstanceLabel], Namespace: workload.Namespace,
		chart: labels[HelmChartLabel], directory: chartDirectory(workload.File()), owner: workload.Annotations()[ReleaseNameLabel],
	}
	if r.Namespace == "" {
		r.Namespace = namespace
	}
	r.Name = r.Instance
	if r.Name == "" {
		r.Name = r.owner
	}
	if r.Name == "" {
		r.Name = workload.Name // the documentation's: the Deployment is named after the release
	}
	return r
}

// chartDirectory returns the directory of the chart that holds a template, as in
// "connected-registry/charts/cert-manager/" for ".../templates/deployment.yaml".
func chartDirectory(file string) string {
	for _, folder := range []string{"/templates/", "/crds/"} {
		if i := strings.LastIndex(file, folder); i >= 0 {
			return file[:i+1]
		}
	}
	return ""
}

// Owns reports whether an edit of the object is the release's to make: by its instance
// label, and by its namespace if it has none. A removal needs more; see [Evidence].
func (r Release) Owns(o *resource.Object) bool {
	if instance := o.Labels()[InstanceLabel]; instance != "" && r.Instance != "" {
		return instance == r.Instance
	}
	return r.SameNamespace(o.Namespace)
}

// SameNamespace reports whether a namespace may be the release's. Empty means its own.
func (r Release) SameNamespace(namespace string) bool {
	return namespace == "" || r.Namespace == "" || namespace == r.Namespace
}

// marks returns what an object itself shows of whose it is.
func (r Release) marks(o *resource.Object) Evidence {
	e := Evidence{Object: o}
	rendered := false
	if directory := chartDirectory(o.File()); directory != "" && r.directory != "" {
		if rendered = directory == r.directory; rendered {
			e.add(ChartPath, "rendered from "+o.File())
		} else {
			e.against(OtherChart, "rendered from "+o.File())
		}
	}
	if o.Annotations()[AddedByAnnotation] != "" {
		e.add(AddedByScenario, "added by an earlier run")
	}
	r.addOwner(&e)
	r.addInstance(&e, rendered)
	return e
}

func (r Release) addOwner(e *Evidence) {
	switch owner := e.Object.Annotations()[ReleaseNameLabel]; {
	case owner == "" || r.owner == "":
	case owner == r.owner:
		e.add(ReleaseOwner, "of Helm release "+owner)
	default:
		e.against(OtherOwner, "of Helm release "+owner)
	}
}

// addInstance weighs the instance label together with the namespace. An object that was
// rendered from the chart's own templates is the chart's whatever its labels are.
func (r Release) addInstance(e *Evidence, rendered bool) {
	namespace, instance := e.Object.Namespace, e.Object.Labels()[InstanceLabel]
	if namespace != "" && r.Namespace != "" && namespace != r.Namespace && !rendered {
		e.against(OtherNamespace, "in namespace "+namespace)
		return
	}
	switch {
	case instance == "" && clusterScoped[e.Object.Kind]:
		if name := e.Object.Name; r.Instance == "" && (name == r.Name || strings.HasPrefix(name, r.Name+"-") || strings.HasPrefix(name, r.Name+":")) {
			e.add(ReleaseName, "named after the release")
		}
	case instance == "" && r.Instance == "" && (namespace == r.Namespace || namespace == ""):
		e.add(ReleaseNamespace, "in the release's namespace")
	case instance == "" && (namespace == r.Namespace || namespace == ""):
		e.add(SameNamespace, "in the release's namespace")
	case instance == "" || r.Instance == "" || rendered && instance != r.Instance:
	case instance != r.Instance:
		e.against(OtherInstance, "has instance label "+instance)
	case namespace == "" && !clusterScoped[e.Object.Kind] && r.Namespace != "" || namespace == r.Namespace || clusterScoped[e.Object.Kind]:
		e.add(ReleaseLabel, "has instance label "+instance)
	}
}

// clusterScoped are the kinds of charts that have no namespace.
var clusterScoped = map[string]bool{
	"CustomResourceDefinition": true, "MutatingWebhookConfiguration": true, "ValidatingWebhookConfiguration": true, "APIService": true,
	"ClusterRole": true, "ClusterRoleBinding": true, "ClusterIssuer": true, "PodSecurityPolicy": true, "PriorityClass": true, "Namespace": true,
}

// addChart says whether the chart label is the workload's or another chart's.
func (r Release) addChart(e *Evidence) {
	switch chart := e.Object.Labels()[HelmChartLabel]; {
	case chart == "" || r.chart == "":
	case chart == r.chart:
		e.add(ChartLabel, "of chart "+chart)
	case !e.has(ChartPath):
		e.against(OtherChart, "of chart "+chart)
	}
}

// IsOfChart reports whether an object is proved to be the release's and of the workload's
// own chart.
func (r Release) IsOfChart(o *resource.Object) bool {
	e := r.marks(o)
	r.addChart(&e)
	return e.Owned() && e.has(ChartPath, ChartLabel)
}

// matches reports whether a label selector selects labels. An empty selector selects
// everything, which proves nothing, so that it does not match here.
func matches(selector *yaml.RNode, labels map[string]string) bool {
	wanted, expressions := node.Strings(selector, "matchLabels"), node.Items(selector, "matchExpressions")
	for _, x := range expressions {
		isValue := func(v *yaml.RNode) bool { return v.YNode().Value == labels[node.Text(x, "key")] }
		if node.Text(x, "operator") != "In" || !slices.ContainsFunc(node.Items(x, "values"), isValue) {
			return false // of the operators, only In proves what is selected
		}
	}
	return len(wanted)+len(expressions) > 0 && IsSubset(wanted, labels)
}
