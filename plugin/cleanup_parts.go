package plugin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// cleanupPlan is what cleanup prints, as --output json has it.
type cleanupPlan struct {
	Scenario  string `json:"scenario,omitempty"`
	Release   string `json:"release"`
	Namespace string `json:"namespace"`
	Host      string `json:"host"`
	// Setup is the shell text that goes before the commands of the parts.
	Setup string        `json:"setup"`
	Parts []cleanupPart `json:"parts"`
	Kept  []keptObject  `json:"kept"`
	// Unknown is what cannot be told from what was given.
	Unknown []string `json:"unknown"`
	// missing names the options without which the plan ends early.
	missing string
}

// cleanupPart is one step.
type cleanupPart struct {
	Title string `json:"title"`
	Why   string `json:"why,omitempty"`
	// Manual says that the commands are not to be run as they are: they lack a
	// name, or belong on a node.
	Manual   bool     `json:"manual"`
	Commands []string `json:"commands"`
	// missing names the options that a manual part needs, if the parts after it depend
	// on it.
	missing string
}

type keptObject struct {
	Object string `json:"object"`
	Why    string `json:"why"`
}

// plan is every part in the order in which they are to be run. Who would write a
// thing anew goes before the thing: the controller before the Secret, the DaemonSet
// before its files, the pod before its activation.
func (x *cleanup) plan() *cleanupPlan {
	plan := &cleanupPlan{
		Scenario: x.scenario, Release: x.installed.Release, Namespace: x.installed.Namespace, Host: x.host.value,
		Setup: x.setup(), Parts: []cleanupPart{}, Kept: x.kept(), Unknown: x.unknown(),
	}
	for _, parts := range [][]cleanupPart{
		x.uninstall(), x.hooks(), x.beside(), x.issued(), x.data(), x.definitions(), x.leases(), x.nodes(), x.azure(), x.namespacePart(),
	} {
		plan.Parts = append(plan.Parts, parts...)
	}
	if i := slices.IndexFunc(plan.Parts, func(part cleanupPart) bool { return part.missing != "" }); i >= 0 {
		plan.missing, plan.Parts = plan.Parts[i].missing, plan.Parts[:i+1]
		plan.Unknown = append(plan.Unknown, "The parts after the last one, which depend on it: run cleanup again with "+plan.missing+".")
	}
	return plan
}

// uninstall takes away what whoever installed it knows of.
func (x *cleanup) uninstall() []cleanupPart {
	switch x.host.value {
	case hostArc:
		return []cleanupPart{x.extension()}
	case hostFlux:
		return []cleanupPart{{
			Title: "Delete the HelmRelease",
			Why: "Take it out of the repository first, or Flux makes it again. Flux then uninstalls the release, and waits for that. " +
				"It is looked for by the release that it installs, because it may be in another namespace.",
			Commands: append(x.uninstallChecks(), deleteHelmRelease),
		}}
	case hostKubectl:
		return x.deleteByName()
	}
	return []cleanupPart{{
		Title: "Uninstall the release",
		Why:   "Helm deletes what it installed, with what a post-renderer added, and the volume claim with the data. It waits for what these own in turn, such as cert-manager's CertificateRequests.",
		Commands: slices.Concat([]string{requireHelmRelease}, x.uninstallChecks(), []string{
			fmt.Sprintf("helm uninstall %s --namespace %s --ignore-not-found --cascade foreground --wait", x.installed.Release, x.installed.Namespace),
		}),
	}}
}

// uninstallChecks stop the script before an uninstallation that would delete what
// others use.
func (x *cleanup) uninstallChecks() []string {
	var used []*resource.Object
	for _, o := range x.installed.Own {
		if slices.Contains(heldKinds, o.Kind) || isIssuing(o) && o.Kind == "Issuer" {
			used = append(used, o)
		}
	}
	commands := requireUnused("before", slices.Concat(x.namesOf(used), x.installed.Issued, x.installed.Claims))
	if x.installed.Bundle || len(x.installed.CRDs) > 0 {
		commands = append(commands, `require_none "Helm would delete CRDs and with them the objects of others; render the CRDs with the annotation helm.sh/resource-policy: keep and upgrade first" strangers`)
	}
	return commands
}

// requireUnused returns commands that stop the script if something uses one of the
// names, before the uninstallation or after it.
func requireUnused(when string, names []transformers.Name) []string {
	var commands []string
	for _, namespace := range namespacesOf(names) {
		commands = append(commands, "require_unused "+when+" "+words(slices.Concat([]string{namespace}, namesIn(names, namespace))))
	}
	return commands
}

// namesOf returns what objects are called.
func (x *cleanup) namesOf(objects []*resource.Object) []transformers.Name {
	var names []transformers.Name
	for _, o := range objects {
		names = append(names, transformers.Name{Namespace: x.namespaceOf(o), Name: o.Name})
	}
	return names
}

// words are arguments of a command, each on a line if there are several.
func words(names []string) string {
	quoted := make([]string, 0, len(names))
	for _, name := range names {
		quoted = append(quoted, shellQuoted(plainName(name)))
	}
	if len(quoted) <= 2 {
		return strings.Join(quoted, " ")
	}
	return strings.Join(quoted, " \\\n  ")
}

// requireHelmRelease stops the script if the release is in another namespace only. Helm
// would find nothing to uninstall, and say nothing.
const requireHelmRelease = `if [ -n "${HELM_KUBECONTEXT-}${HELM_KUBEAPISERVER-}" ]; then
  stop "helm and kubectl may call different clusters; unset HELM_KUBECONTEXT and HELM_KUBEAPISERVER"
fi
found=$(kubectl get secrets,configmaps --all-namespaces --selector "owner=helm,name=$release,status!=uninstalled" \
  --output jsonpath='{range .items[*]}{.metadata.namespace}{"\n"}{end}')
if [ -n "$found" ] && ! grep -qxF "$namespace" <<<"$found"; then
  stop "expected the Helm release $release in namespace $namespace, got $(sort -u <<<"$found" | paste -sd, -); run cleanup with --namespace, or remove this part if it has run"
fi`

// deleteHelmRelease deletes the HelmReleases that install the release in this cluster.
const deleteHelmRelease = `found=$(kubectl get helmreleases.helm.toolkit.fluxcd.io --all-namespaces --output go-template='
{{- range .items }}{{ if not .spec.kubeConfig -}}
  {{- $release := .metadata.name }}{{ if .spec.targetNamespace }}{{ $release = printf "%s-%s" .spec.targetNamespace .metadata.name }}{{ end -}}
  {{- if eq "'"$release"'" (or .spec.releaseName $release) -}}
    {{- or .spec.targetNamespace .metadata.namespace }} {{ .metadata.namespace }} {{ .metadata.name }}{{ "\n" -}}
  {{- end -}}
{{- end }}{{ end -}}') || stop "cannot list the HelmReleases; call the cluster in which Flux runs"
ours=$(awk -v namespace="$namespace" '$1 == namespace { print $2, $3 }' <<<"$found")
if [ -z "$ours" ] && [ -n "$found" ]; then
  stop "expected a HelmRelease that installs $release in namespace $namespace, got one for $(cut -d ' ' -f 1 <<<"$found" | sort -u | paste -sd, -); run cleanup with --namespace, or remove this part if it has run"
fi
while read -r in name; do
  if [ -n "$name" ]; then kubectl delete helmreleases.helm.toolkit.fluxcd.io "$name" --namespace "$in" --ignore-not-found </dev/null; fi
done <<<"$ours"`

// extension is the documented way to take an extension of Azure Arc away.
func (x *cleanup) extension() cleanupPart {
	part := cleanupPart{
		Title: "Delete the extension",
		Why:   "Azure Arc then uninstalls the Helm release of that name, with the volume claim and the data.",
	}
	if x.clusterName == "" || x.resourceGroup == "" {
		part.Manual, part.missing = true, "--cluster-name and --resource-group"
	}
	cluster := fmt.Sprintf("--cluster-name %s --cluster-type connectedClusters --resource-group %s",
		given(x.clusterName, "cluster"), given(x.resourceGroup, "resource-group"))
	if !part.Manual {
		part.Commands = append([]string{fmt.Sprintf(requireExtension, shellQuoted(x.clusterName), shellQuoted(x.resourceGroup), cluster)}, x.uninstallChecks()...)
	}
	part.Commands = append(part.Commands, fmt.Sprintf("az k8s-extension delete --name %s %s --yes", x.installed.Release, cluster))
	return part
}

// requireExtension stops the script if kubectl and az mean different clusters, or the
// extension is installed in another namespace.
const requireExtension = `cluster=$(kubectl get configmap azure-clusterconfig --namespace azure-arc --ignore-not-found \
  --output jsonpath='{.data.AZURE_RESOURCE_NAME} {.data.AZURE_RESOURCE_GROUP}')
if ! grep -qixF -- %[1]s" "%[2]s <<<"$cluster"; then
  stop "expected kubectl to call the connected cluster" %[1]s "of resource group" %[2]s", got ${cluster:-a cluster that is not connected}; change kubectl's context"
fi
found=$(az k8s-extension list %[3]s --query "[?name=='$release'].scope.cluster.releaseNamespace" --output tsv)
if [ -n "$found" ] && [ "$found" != "$namespace" ]; then
  stop "expected the extension $release in namespace $namespace, got $found; run cleanup with --namespace $found"
fi`

// given is a word for a command, or a placeholder for what was not given.
func given(value, what string) string {
	if value == "" {
		return "<" + what + ">"
	}
	return shellQuoted(value)
}

// deleteByName deletes what a manifest holds, for who has no Helm that knows it.
func (x *cleanup) deleteByName() []cleanupPart {
	if !x.manifest {
		return []cleanupPart{{
			Title: "Delete what was applied", Manual: true, missing: "the MANIFEST that kustomize build prints",
			Why:      "What that is says only the manifest: call cleanup with what kustomize build prints. This would delete all of it, whoever's it is.",
			Commands: []string{"kustomize build --enable-alpha-plugins <overlay> | kubectl delete --ignore-not-found -f -"},
		}}
	}
	return x.deleteParts("Delete what was applied", "By name, and only what is the installation's.", x.installed.Own)
}

// heldKinds are the kinds that pods and other objects use by name.
var heldKinds = []string{"Secret", "ConfigMap", "PersistentVolumeClaim"}

// sortedObjects are objects by what has to be known before they are deleted.
type sortedObjects struct {
	// issuing are of cert-manager's kinds, held of those that others may use. Claims
	// are in the part for the data.
	issuing, held, rest []*resource.Object
	// shared are kinds that hold or provide for what others have. They are not deleted
	// by name.
	shared []*resource.Object
}

func (x *cleanup) sorted(objects []*resource.Object) sortedObjects {
	var s sortedObjects
	for _, o := range objects {
		switch {
		case isIssuing(o):
			s.issuing = append(s.issuing, o)
		case o.Kind == "PersistentVolumeClaim":
		case slices.Contains(heldKinds, o.Kind):
			s.held = append(s.held, o)
		case slices.Contains([]string{"Namespace", "PersistentVolume", "StorageClass"}, o.Kind):
			s.shared = append(s.shared, o)
		default:
			s.rest = append(s.rest, o)
		}
	}
	return s
}

// deleteParts deletes objects by name: what runs, and then what it used.
func (x *cleanup) deleteParts(title, why string, objects []*resource.Object) []cleanupPart {
	s := x.sorted(objects)
	parts := x.issuingPart(s.issuing)
	if commands := x.deleteObjects(s.rest); len(commands) > 0 {
		parts = append(parts, cleanupPart{Title: title, Why: why, Commands: commands})
	}
	if len(s.held) > 0 {
		commands := append([]string{requireUninstalled}, requireUnused("after", x.namesOf(s.held))...)
		parts = append(parts, cleanupPart{
			Title: title + ": Secrets and ConfigMaps", Why: "Only when nothing uses one of them.",
			Commands: append(commands, x.deleteObjects(s.held)...),
		})
	}
	return parts
}

// requireUninstalled begins the parts that delete what the registry uses while it runs.
const requireUninstalled = "require_uninstalled"

// issuingPart deletes objects of cert-manager's kinds, which kubectl only knows
// while their definitions are there.
func (x *cleanup) issuingPart(objects []*resource.Object) []cleanupPart {
	if len(objects) == 0 {
		return nil
	}
	var certificates, issuers []*resource.Object
	for _, o := range objects {
		if o.Kind == "Issuer" {
			issuers = append(issuers, o)
		} else {
			certificates = append(certificates, o)
		}
	}
	commands := slices.Concat(x.deleteObjects(certificates), requireUnused("after", x.namesOf(issuers)), x.deleteObjects(issuers))
	return []cleanupPart{{
		Title: "Delete the certificate and what issues it",
		Why:   "Before their Secrets: cert-manager writes a Secret again for as long as its Certificate is there.",
		Commands: []string{
			"crd=$(kubectl get customresourcedefinitions certificates.cert-manager.io --ignore-not-found --output name)\nif [ -n \"$crd\" ]; then\n" + indent(strings.Join(commands, "\n")) + "\nfi",
		},
	}}
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

func isIssuing(o *resource.Object) bool {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return strings.HasSuffix(group, "cert-manager.io")
}

// beside are the objects of a scenario that Helm does not know, because nothing can
// be run within Arc or Flux.
func (x *cleanup) beside() []cleanupPart {
	if x.host.value != hostArc && x.host.value != hostFlux {
		return nil
	}
	return x.deleteParts("Delete what the scenario added", "Helm did not install it, so Helm does not delete it.", x.installed.Added)
}

// hooks are Helm's, which belong to no release once they have been made.
func (x *cleanup) hooks() []cleanupPart {
	if x.host.value == hostKubectl || len(x.installed.Hooks) == 0 {
		return nil
	}
	parts := x.deleteParts("Delete Helm's hooks", "Helm does not uninstall hooks; those that failed, or have no policy, are still there.", x.installed.Hooks)
	if len(parts) > 0 {
		parts[0].Commands = append([]string{requireUninstalled}, parts[0].Commands...)
	}
	return parts
}

// issued are the Secrets that cert-manager wrote.
func (x *cleanup) issued() []cleanupPart {
	commands := []string{requireUninstalled}
	for _, namespace := range namespacesOf(x.installed.Issued) {
		names := namesIn(x.installed.Issued, namespace)
		where := words(slices.Concat([]string{namespace}, names))
		commands = append(commands, "require_written "+where, "require_unused after "+where, deleteCommand("secret", namespace, names))
	}
	if len(x.installed.Issued) == 0 {
		return nil
	}
	return []cleanupPart{{
		Title: "Delete the Secrets that cert-manager wrote",
		Why: "They hold private keys, and outlive the Certificates unless cert-manager runs with --enable-certificate-owner-ref. " +
			"Whoever was made to trust the CA goes on trusting it until it expires.",
		Commands: commands,
	}}
}

// data are the claims that are still there and the volumes of a StorageClass with
// the reclaimPolicy Retain.
func (x *cleanup) data() []cleanupPart {
	claims := slices.Clone(x.installed.Claims)
	if x.host.value == hostKubectl {
		for _, o := range x.installed.Own {
			if o.Kind == "PersistentVolumeClaim" && x.namespaceOf(o) == x.installed.Namespace {
				claims = append(claims, x.namesOf([]*resource.Object{o})...)
			}
		}
	}
	if len(claims) == 0 {
		return nil
	}
	commands := append([]string{requireUninstalled}, requireUnused("after", claims)...)
	return []cleanupPart{{
		Title: "Delete the data",
		Why: "Images that were pushed here and not synchronised are lost. A claim that Helm or a StatefulSet left goes first; of a StorageClass with " +
			"reclaimPolicy Retain the volume is still there then. It is printed what that stands for in the storage, to be deleted there.",
		Commands: append(commands, "delete_claims "+words(namesIn(claims, x.installed.Namespace))),
	}}
}

// definitions are the CRDs of a bundled cert-manager, which Helm keeps. They go only
// when nothing of any of their kinds is left: with a CRD goes every object of its kind,
// whoever's it is.
func (x *cleanup) definitions() []cleanupPart {
	if !x.installed.Bundle {
		return nil
	}
	part := cleanupPart{
		Title: "Delete the CRDs of the bundled cert-manager",
		Why:   "Helm keeps them. With a CRD goes every object of its kind in the whole cluster, so they stay when any is left, or another cert-manager runs.",
	}
	var names []string
	for _, o := range x.installed.CRDs {
		names = append(names, o.Name)
	}
	which := words(names)
	switch {
	case which != "":
	case x.manifest:
		part.Manual = true
		part.Why = "The manifest has a cert-manager and no CRDs: a chart that keeps them in crds/ installs them, and Helm never deletes these. " +
			"If they did not come with the registry, leave them. They stay when any object of their kinds is left."
		which = words(certManagerCRDs)
	default:
		which = "--selector app.kubernetes.io/name=cert-manager,app.kubernetes.io/instance=" + x.installed.Release
	}
	part.Commands = []string{requireUninstalled, "delete_unused_crds " + which}
	return []cleanupPart{part}
}

// certManagerCRDs are those of cert-manager's chart.
var certManagerCRDs = []string{
	"challenges.acme.cert-manager.io", "orders.acme.cert-manager.io",
	"certificaterequests.cert-manager.io", "certificates.cert-manager.io", "clusterissuers.cert-manager.io", "issuers.cert-manager.io",
}

// leases are what a bundled cert-manager's controllers elected their leaders by.
func (x *cleanup) leases() []cleanupPart {
	var commands []string
	for _, namespace := range namespacesOf(x.installed.Leases) {
		commands = append(commands, `in_use "the Leases of cert-manager" cert_managers ||`+"\n"+deleteCommand("lease", namespace, namesIn(x.installed.Leases, namespace)))
	}
	if len(commands) == 0 {
		return nil
	}
	return []cleanupPart{{
		Title:    "Delete the Leases of the bundled cert-manager",
		Why:      "Its controllers made them, in a namespace that is not the release's. Another cert-manager uses the same ones.",
		Commands: append([]string{requireUninstalled}, commands...),
	}}
}

// nodes is what the trust distribution left on the nodes, where kubectl cannot reach.
func (x *cleanup) nodes() []cleanupPart {
	if !x.installed.Trust {
		return nil
	}
	var parts []cleanupPart
	if x.installed.NodeSelector {
		parts = append(parts, cleanupPart{
			Title: "Take the label off the nodes",
			Why:   "It says where the DaemonSet was to run. It stays if another connected registry of this cluster uses it.",
			Commands: []string{
				requireUninstalled,
				`in_use "the label of the nodes" selecting_daemonsets ||` + "\n" +
					"kubectl label nodes --selector containerd-configured-by=connected-registry containerd-configured-by-",
			},
		})
	}
	address := "<address>"
	if ip, err := netip.ParseAddr(x.installed.Address); err == nil {
		address = ip.String()
		if ip.Is6() {
			address = "[" + address + "]"
		}
	}
	commands := []string{
		"sudo rm -rf '/etc/containerd/certs.d/" + address + "' '/etc/containerd/certs.d/" + address + ":443'",
		"sudo grep -n '" + address + "' /etc/containerd/config.toml",
	}
	for _, path := range x.installed.RuntimePaths {
		if path != "/etc/containerd" {
			commands = append(commands, "sudo grep -rn '"+address+"' "+shellQuoted(path))
		}
	}
	return append(parts, cleanupPart{
		Title: "Take the registry out of the nodes' configuration", Manual: true,
		Why: "On every node that the DaemonSet ran on; no kubectl command reaches these files, and Microsoft does not document which of them it writes. " +
			"Take out of config.toml what is found there, and then restart the container runtime (sudo systemctl restart containerd).",
		Commands: commands,
	})
}

// azure is the connected registry's resource. Deactivated before the pod is gone, it
// would be activated again.
func (x *cleanup) azure() []cleanupPart {
	names := fmt.Sprintf("--registry %s --name %s", given(x.registry, "registry"), given(x.connectedRegistry, "connected-registry"))
	manual := x.registry == "" || x.connectedRegistry == ""
	status := fmt.Sprintf(`status=$(az acr connected-registry list --registry %s --query "[?name=='"%s"'].activation.status" --output tsv)`+"\n",
		given(x.registry, "registry"), given(x.connectedRegistry, "connected-registry"))
	return []cleanupPart{
		{
			Title:  "Deactivate the connected registry",
			Why:    "Azure lets one instance be active at a time; without this, the next installation fails with ALREADY_ACTIVATED.",
			Manual: manual,
			Commands: []string{
				requireUninstalled,
				status + "if [ \"${status:-Inactive}\" != Inactive ]; then\n  az acr connected-registry deactivate " + names + " --yes\nfi",
			},
		},
		{
			Title:  "Delete the connected registry in Azure",
			Why:    "With --cleanup go its sync token and scope map. Do not run it where the registry is to be installed again. Client tokens are yours, and stay.",
			Manual: manual,
			Commands: []string{status + "case $status in\n" +
				"  '') ;;\n" +
				"  Inactive) az acr connected-registry delete " + names + " --cleanup --yes ;;\n" +
				"  *) stop \"the connected registry is $status: another instance of it runs\" ;;\nesac"},
		},
	}
}

// namespacePart deletes the namespace when nothing is left in it but what every
// namespace holds.
func (x *cleanup) namespacePart() []cleanupPart {
	namespace := x.installed.Namespace
	if namespace == "default" || strings.HasPrefix(namespace, "kube-") {
		return nil
	}
	return []cleanupPart{{
		Title: "Delete the namespace, if it is empty",
		Why:   "What is left in it is not the installation's, as far as this program knows; then it stays.",
		Commands: []string{
			requireUninstalled,
			fmt.Sprintf(`in_use "namespace %[1]s" content ||
kubectl delete namespace %[1]s --ignore-not-found`, namespace),
		},
	}}
}

func namespacesOf(names []transformers.Name) []string {
	var namespaces []string
	for _, name := range names {
		if !slices.Contains(namespaces, name.Namespace) {
			namespaces = append(namespaces, name.Namespace)
		}
	}
	return namespaces
}

func namesIn(names []transformers.Name, namespace string) []string {
	var found []string
	for _, name := range names {
		if name.Namespace == namespace && !slices.Contains(found, name.Name) {
			found = append(found, name.Name)
		}
	}
	return found
}
