package registry

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// podKinds are the kinds that hold a pod's spec.
var podKinds = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"}

// selectingKinds select pods by label, or Services of pods in the case of a
// ServiceMonitor.
var selectingKinds = []string{"Service", "NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor", "PodMonitor"}

// bundleKinds are the kinds that cert-manager's chart renders.
var bundleKinds = append([]string{
	"CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService",
	"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount", "ConfigMap",
	"PodSecurityPolicy", "HorizontalPodAutoscaler", "VerticalPodAutoscaler",
}, slices.Concat(podKinds, selectingKinds)...)

// certManagerCRDs are cert-manager's own. Others below cert-manager.io are of other
// projects, such as trust-manager. Source: cert-manager's deploy/crds.
var certManagerCRDs = []string{
	"certificaterequests.cert-manager.io", "certificates.cert-manager.io", "clusterissuers.cert-manager.io", "issuers.cert-manager.io",
	"challenges.acme.cert-manager.io", "orders.acme.cert-manager.io",
}

var (
	programImage     = lazyregexp.New(`(^|/)cert-manager-(controller|webhook|cainjector|startupapicheck|acmesolver|ctl)([:@]|$)`)
	bundleNames      = []string{"cert-manager", "cainjector", "webhook", "startupapicheck"}
	bundleComponents = []string{"controller", "cainjector", "webhook", "startupapicheck", "crds"}
)

// findBundle finds the cert-manager that the chart rendered. It starts from the
// controllers in the release's namespace and takes what is proved to belong to them.
// Without a controller there is no bundle.
func (reg *Registry) findBundle(set *resource.Set, target *scenario.Target) error {
	controllers, err := controllersIn(set)
	if err != nil {
		return err
	}
	var candidates, anchors []Evidence
	for _, o := range controllers {
		e := reg.controllerEvidence(o)
		if target != nil && selects(target, o) {
			e.Against = nil
			e.add(NamedByTarget, "named by spec.targets.certManager")
		}
		candidates = append(candidates, e)
		if len(e.Against) == 0 && e.has(NamedByTarget) == (target != nil) && (e.Owned() || e.has(SameNamespace)) {
			anchors = append(anchors, e)
		}
	}
	reg.Candidates[CertManager] = candidates
	if target != nil && len(anchors) == 0 {
		reg.Ambiguous[CertManager] = reg.scenario.At(codes.TargetNotFound, "spec.targets.certManager", "it selects no controller of cert-manager; "+Listed(candidates), "correct it, or leave it out")
		return nil
	}
	if len(anchors) == 0 {
		return nil
	}
	var others []*resource.Object
	for _, e := range candidates {
		if !slices.ContainsFunc(anchors, func(a Evidence) bool { return a.Object == e.Object }) {
			others = append(others, e.Object)
		}
	}
	b := newBundle(reg, anchors, others)
	if err := b.collect(set); err != nil {
		return err
	}
	reg.Bundle, reg.Unproved = b.proved, b.unproved
	if len(b.unproved) > 0 {
		reg.Ambiguous[CertManager] = reg.scenario.At(codes.BundleUnproved, "spec.certManager.install",
			fmt.Sprintf("cannot prove that these belong to the bundled cert-manager %s; %s", anchors[0].Object, Listed(b.unproved)),
			"name its controller with "+Override(CertManager, anchors[0].Object)+" to remove them with it, or take them out of the stream")
	}
	return nil
}

// controllerEvidence returns what a controller of cert-manager shows of whose it is. A
// template of a chart below the registry's, or beside it in one Helm release, is the
// release's.
func (reg *Registry) controllerEvidence(o *resource.Object) Evidence {
	e := reg.Release.marks(o)
	directory, own := chartDirectory(o.File()), reg.Release.directory
	parent, _, _ := strings.Cut(own, "charts/")
	if own != "" && directory != own && strings.HasPrefix(directory, parent+"charts/") {
		e.Against = slices.DeleteFunc(e.Against, func(f Fact) bool { return f.Code != OtherOwner })
		e.add(SubchartPath, "rendered from "+o.File())
	}
	e.add(ControllerImage, "runs cert-manager's controller")
	return e
}

// controllersIn returns the workloads that run cert-manager's controller.
func controllersIn(set *resource.Set) ([]*resource.Object, error) {
	workloads, err := set.Heads(podKinds, "cert-manager")
	return slices.DeleteFunc(workloads, func(o *resource.Object) bool { return !isController(o) }), err
}

func isController(o *resource.Object) bool {
	labels := o.Labels()
	if labels[nameLabel] == "cert-manager" && labels[componentLabel] == "controller" {
		return true
	}
	for _, c := range node.Items(PodSpec(o.Node()), "containers") {
		if Program(c) == "controller" || node.Text(c, "name") == "cert-manager-controller" {
			return true
		}
		for _, arg := range node.Items(c, "args") {
			if strings.HasPrefix(arg.YNode().Value, "--acme-http01-solver-image=") {
				return true
			}
		}
	}
	return false
}

// Program returns which program of cert-manager a container's image is, such as
// controller or webhook, empty for none.
func Program(container *yaml.RNode) string {
	if m := programImage().FindStringSubmatch(node.Text(container, "image")); m != nil {
		return m[2]
	}
	return ""
}

// bundle is the cert-manager that anchors run, as far as it is known.
type bundle struct {
	reg     *Registry
	anchors []Evidence
	// others are the controllers of other cert-managers in the stream.
	others []*resource.Object
	// directories, charts and instances are the anchors' marks.
	directories, charts, instances map[string]bool
	namespaces                     map[string]bool

	proved, unproved []Evidence
	services         []*resource.Object
	pods             []map[string]string // labels of the bundle's pods
}

func newBundle(reg *Registry, anchors []Evidence, others []*resource.Object) *bundle {
	b := &bundle{
		reg: reg, anchors: anchors, others: others,
		directories: map[string]bool{}, charts: map[string]bool{}, instances: map[string]bool{}, namespaces: map[string]bool{},
	}
	for _, e := range anchors {
		labels := e.Object.Labels()
		if directory := chartDirectory(e.Object.File()); directory != "" && directory != reg.Release.directory {
			b.directories[directory] = true
		}
		if chart := labels[HelmChartLabel]; chart != "" && chart != reg.Release.chart {
			b.charts[chart] = true
		}
		b.instances[labels[InstanceLabel]] = true
		b.namespaces[e.Object.Namespace] = true
	}
	return b
}

// collect sorts the stream's objects into proved and unproved parts of the bundle:
// first by their own marks, then by what refers to or selects a proved part.
func (b *bundle) collect(set *resource.Set) error {
	candidates, err := set.Heads(bundleKinds, b.needles()...)
	if err != nil {
		return err
	}
	rest := map[*resource.Object]Evidence{}
	for _, o := range candidates {
		e, isCandidate := b.weigh(o)
		switch {
		case !isCandidate:
		case b.proves(e):
			b.keep(e)
		default:
			rest[o] = e
		}
	}
	for _, o := range candidates {
		e, isOpen := rest[o]
		if !isOpen {
			continue
		}
		related, err := b.related(set, o)
		if err != nil {
			return err
		}
		switch {
		case related != nil && len(e.Against) == 0:
			e.For = append(e.For, *related)
			b.keep(e)
		case len(e.Against) == 0 && e.has(CRDName) && !e.has(ReferencedOnly):
			b.unproved = append(b.unproved, e)
		case len(e.Against) > 0 && e.has(SubchartPath):
			b.unproved = append(b.unproved, e)
		}
	}
	if err := b.collectSelecting(set, candidates); err != nil {
		return err
	}
	order := map[*resource.Object]int{}
	for i, o := range candidates {
		order[o] = i - len(candidates)
	}
	slices.SortStableFunc(b.proved, func(x, y Evidence) int { return order[x.Object] - order[y.Object] })
	return nil
}

// collectSelecting adds what selects only the bundle's pods and says nothing else of
// cert-manager.
func (b *bundle) collectSelecting(set *resource.Set, seen []*resource.Object) error {
	var values []string
	for _, labels := range b.pods {
		for _, value := range labels {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return nil
	}
	objects, err := set.Heads(selectingKinds, values...)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if slices.Contains(seen, o) {
			continue
		}
		e, isCandidate := b.weigh(o)
		if !isCandidate || len(e.Against) > 0 {
			continue
		}
		if related, err := b.related(set, o); err != nil {
			return err
		} else if related != nil {
			e.For = append(e.For, *related)
			b.keep(e)
		}
	}
	return nil
}

// needles are texts of which every part of the bundle holds one.
func (b *bundle) needles() []string {
	needles := []string{"cert-manager"}
	for _, marks := range []map[string]bool{b.directories, b.charts} {
		for mark := range marks {
			needles = append(needles, strings.TrimSuffix(mark, "/"))
		}
	}
	for _, e := range b.anchors {
		needles = append(needles, e.Object.Name)
	}
	slices.Sort(needles)
	return needles
}

// weigh returns what an object itself shows of whether it belongs to the bundle.
func (b *bundle) weigh(o *resource.Object) (e Evidence, isCandidate bool) {
	if i := slices.IndexFunc(b.anchors, func(a Evidence) bool { return a.Object == o }); i >= 0 {
		return b.anchors[i], true
	}
	if slices.Contains([]*resource.Object{b.reg.Workload, b.reg.Service, b.reg.PVC, b.reg.Trust}, o) ||
		o.Kind == "CustomResourceDefinition" && !slices.Contains(certManagerCRDs, o.Name) {
		return Evidence{}, false
	}
	e = Evidence{Object: o}
	rendered := b.weighPath(&e)
	if owner := o.Annotations()[ReleaseNameLabel]; owner != "" && b.reg.Release.owner != "" && owner != b.reg.Release.owner {
		e.against(OtherOwner, "of Helm release "+owner)
	}
	b.weighLabels(&e, rendered)
	b.weighNamespace(&e, rendered)
	b.weighKind(&e)
	return e, true
}

// weighPath reports whether the object was rendered from the registry's chart or its
// bundle.
func (b *bundle) weighPath(e *Evidence) bool {
	directory := chartDirectory(e.Object.File())
	own := b.reg.Release.directory
	switch {
	case directory == "", len(b.directories) == 0 && own != "" && strings.HasPrefix(directory, own+"charts/"):
		return false
	case b.directories[directory]:
		e.add(SubchartPath, "rendered from "+e.Object.File())
		return true
	case own != "" && directory == own:
		e.add(ChartPath, "rendered from "+e.Object.File())
		return true
	}
	e.against(OtherChart, "rendered from "+e.Object.File())
	return false
}

func (b *bundle) weighLabels(e *Evidence, rendered bool) {
	labels := e.Object.Labels()
	instance, chart := labels[InstanceLabel], labels[HelmChartLabel]
	switch {
	case instance == "" || rendered:
	case b.instances[instance] && instance == b.reg.Release.Instance:
		e.add(ReleaseLabel, "has instance label "+instance)
	case !b.instances[instance]:
		e.against(OtherInstance, "has instance label "+instance)
	}
	switch {
	case chart == "":
	case b.charts[chart]:
		e.add(ChartLabel, "of chart "+chart)
	case !rendered && (len(b.charts) > 0 || chart == b.reg.Release.chart):
		e.against(OtherChart, "of chart "+chart)
	}
	if slices.Contains(bundleNames, labels[nameLabel]) && slices.Contains(bundleComponents, labels[componentLabel]) {
		e.add(ComponentLabel, "is labeled "+labels[nameLabel]+", "+labels[componentLabel])
	}
}

// weighNamespace holds the namespace against an object, except for what cert-manager's
// chart renders into the namespace of leader election, kube-system by default.
func (b *bundle) weighNamespace(e *Evidence, rendered bool) {
	namespace := e.Object.Namespace
	isElection := strings.HasPrefix(e.Object.Kind, "Role") && (namespace == "kube-system" && e.has(ChartLabel) || strings.Contains(e.Object.Name, ":leaderelection"))
	if other := b.otherOwner(e.Object); other != nil && !rendered {
		e.against(OtherNamespace, "may belong to "+other.ID())
		return
	}
	if namespace == "" || b.namespaces[namespace] || b.namespaces[""] && namespace == b.reg.Release.Namespace || rendered || isElection {
		return
	}
	e.against(OtherNamespace, "in namespace "+namespace)
}

// isHome reports whether a reference into a namespace may mean the anchors', also under
// the name that it had before kustomize changed it.
func (b *bundle) isHome(namespace string) bool {
	return slices.ContainsFunc(b.anchors, func(a Evidence) bool {
		return InNamespace(a.Object, namespace) && (a.Object.Namespace != "" || b.reg.Release.SameNamespace(namespace))
	})
}

// otherOwner returns the controller of another cert-manager in the stream to which an
// object without a namespace of its own may belong, nil if there is none. With equal
// labels only a name that starts with the anchor's tells them apart.
func (b *bundle) otherOwner(o *resource.Object) *resource.Object {
	isShared := o.Namespace == "" || !b.namespaces[o.Namespace]
	isNamed := slices.ContainsFunc(b.anchors, func(a Evidence) bool { return strings.HasPrefix(o.Name, a.Object.Name) })
	if len(b.others) == 0 || !isShared || isNamed {
		return nil
	}
	return b.others[0]
}

// weighKind adds what the object is: a CRD of cert-manager, or one of its programs.
func (b *bundle) weighKind(e *Evidence) {
	o := e.Object
	if o.Kind == "CustomResourceDefinition" {
		e.add(CRDName, "is cert-manager's CRD")
		if len(b.anchors) > 0 && b.anchors[0].has(NamedByTarget) && len(b.others) == 0 {
			e.add(NamedByTarget, "its controller is named by spec.targets.certManager")
		}
		return
	}
	for _, hook := range node.Items(o.Node(), "webhooks") {
		if namespace := node.Text(hook, "clientConfig", "service", "namespace"); namespace != "" && !b.isHome(namespace) {
			e.against(OtherNamespace, "calls a Service in namespace "+namespace)
			return
		}
	}
	if !slices.Contains(podKinds, o.Kind) {
		return
	}
	for _, c := range node.Items(PodSpec(o.Node()), "containers") {
		if Program(c) != "" {
			e.add(ControllerImage, "runs image "+node.Text(c, "image"))
		}
	}
}

// proves decides whether the evidence proves an object to be the bundle's by itself.
func (b *bundle) proves(e Evidence) bool {
	if len(e.Against) > 0 {
		return false
	}
	isPart := e.has(CRDName, ComponentLabel, ControllerImage, ChartLabel)
	isUnlabeled := e.Object.Labels()[InstanceLabel] == "" && b.instances[""]
	return e.has(SubchartPath) ||
		e.has(ChartPath, ReleaseLabel) && isPart ||
		e.has(ChartLabel) && e.Object.Labels()[InstanceLabel] != "" || // an instance of the anchors, or it would speak against
		e.has(ChartLabel) && isUnlabeled ||
		e.has(NamedByTarget) ||
		e.has(ControllerImage) && (isUnlabeled || b.instances[e.Object.Labels()[InstanceLabel]])
}

// keep adds a proved part and what others can be related to by it.
func (b *bundle) keep(e Evidence) {
	b.proved = append(b.proved, e)
	switch {
	case e.Object.Kind == "Service":
		b.services = append(b.services, e.Object)
	case slices.Contains(podKinds, e.Object.Kind):
		b.pods = append(b.pods, podLabels(e.Object))
	}
}

func podLabels(o *resource.Object) map[string]string {
	for _, path := range [][]string{{"spec", "template", "metadata", "labels"}, {"spec", "jobTemplate", "spec", "template", "metadata", "labels"}} {
		if labels := node.Strings(o.Node(), path...); labels != nil {
			return labels
		}
	}
	return o.Labels()
}

// related returns the fact that ties an object to proved parts of the bundle, nil if
// there is none: it calls a Service of theirs, or selects their pods and no others.
func (b *bundle) related(set *resource.Set, o *resource.Object) (*Fact, error) {
	switch {
	case strings.HasSuffix(o.Kind, "WebhookConfiguration"):
		for _, hook := range node.Items(o.Node(), "webhooks") {
			if service := b.called(node.Lookup(hook, "clientConfig", "service")); service != nil {
				return &Fact{CallsService, "calls " + service.String()}, nil
			}
		}
	case o.Kind == "APIService":
		if service := b.called(node.Lookup(o.Node(), "spec", "service")); service != nil {
			return &Fact{CallsService, "calls " + service.String()}, nil
		}
	case slices.Contains(selectingKinds, o.Kind):
		return b.selectsOnly(set, o)
	}
	return nil, nil
}

// called returns the bundle's Service that a reference means, nil for another.
func (b *bundle) called(ref *yaml.RNode) *resource.Object {
	name, namespace := node.Text(ref, "name"), node.Text(ref, "namespace")
	i := slices.IndexFunc(b.services, func(o *resource.Object) bool {
		if o.Namespace == "" && b.reg.Release.Namespace != "" && namespace != b.reg.Release.Namespace {
			return false
		}
		return Named(o, name) && InNamespace(o, namespace)
	})
	if i < 0 {
		return nil
	}
	return b.services[i]
}

// selectsOnly returns a fact if an object's selector selects pods of the bundle, and no
// others of the stream.
func (b *bundle) selectsOnly(set *resource.Set, o *resource.Object) (*Fact, error) {
	selector := selectorOf(o)
	isSelected := func(labels map[string]string) bool { return matches(selector, labels) }
	if !slices.ContainsFunc(b.pods, isSelected) {
		return nil, nil
	}
	workloads, err := set.Heads(podKinds)
	if err != nil {
		return nil, err
	}
	for _, w := range workloads {
		isBundled := slices.ContainsFunc(b.proved, func(e Evidence) bool { return e.Object == w })
		if !isBundled && w.Namespace == o.Namespace && isSelected(podLabels(w)) {
			return nil, nil
		}
	}
	return &Fact{SelectsBundle, "selects pods of the bundle only"}, nil
}

// selectorOf returns an object's label selector in the form that has matchLabels. A
// ServiceMonitor selects Services, which have the labels of their pods in
// cert-manager's chart.
func selectorOf(o *resource.Object) *yaml.RNode {
	switch o.Kind {
	case "NetworkPolicy":
		return node.Lookup(o.Node(), "spec", "podSelector")
	case "Service":
		selector := node.Mapping()
		if labels := node.Lookup(o.Node(), "spec", "selector"); labels != nil {
			node.Put(selector, labels.YNode(), "matchLabels")
		}
		return selector
	}
	return node.Lookup(o.Node(), "spec", "selector")
}
