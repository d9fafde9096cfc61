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
	Scenario  string        `json:"scenario,omitempty"`
	Release   string        `json:"release"`
	Namespace string        `json:"namespace"`
	Host      string        `json:"host"`
	Parts     []cleanupPart `json:"parts"`
	Kept      []keptObject  `json:"kept"`
	// Unknown is what cannot be told from what was given.
	Unknown []string `json:"unknown"`
}

// cleanupPart is one step.
type cleanupPart struct {
	Title string `json:"title"`
	Why   string `json:"why,omitempty"`
	// Manual says that the commands are not to be run as they are: they lack a
	// name, or belong on a node.
	Manual   bool     `json:"manual"`
	Commands []string `json:"commands"`
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
		Parts: []cleanupPart{}, Kept: x.kept(), Unknown: x.unknown(),
	}
	for _, parts := range [][]cleanupPart{
		x.uninstall(), x.hooks(), x.beside(), x.issued(), x.data(), x.definitions(), x.leases(), x.nodes(), x.azure(), x.namespacePart(),
	} {
		plan.Parts = append(plan.Parts, parts...)
	}
	return plan
}

// uninstall takes away what whoever installed it knows of.
func (x *cleanup) uninstall() []cleanupPart {
	release, namespace := x.installed.Release, x.installed.Namespace
	switch x.host.value {
	case hostArc:
		return []cleanupPart{x.extension()}
	case hostFlux:
		return []cleanupPart{{
			Title: "Delete the HelmRelease",
			Why:   "Take it out of the repository first, or Flux makes it again. Flux then uninstalls the release, and waits for that. If it is in another namespace than what it installs, write that one here.",
			Commands: []string{
				fmt.Sprintf("kubectl delete helmrelease.helm.toolkit.fluxcd.io %s --namespace %s --ignore-not-found", release, namespace),
			},
		}}
	case hostKubectl:
		return x.deleteByName()
	}
	return []cleanupPart{{
		Title: "Uninstall the release",
		Why:   "Helm deletes what it installed, with what a post-renderer added, and the volume claim with the data. It waits for what these own in turn, such as cert-manager's CertificateRequests.",
		Commands: []string{
			fmt.Sprintf("helm uninstall %s --namespace %s --ignore-not-found --cascade foreground --wait", release, namespace),
		},
	}}
}

// extension is the documented way to take an extension of Azure Arc away.
func (x *cleanup) extension() cleanupPart {
	return cleanupPart{
		Title:  "Delete the extension",
		Why:    "Azure Arc then uninstalls the Helm release of that name, with the volume claim and the data.",
		Manual: x.clusterName == "" || x.resourceGroup == "",
		Commands: []string{fmt.Sprintf("az k8s-extension delete --name %s --cluster-name %s --cluster-type connectedClusters --resource-group %s --yes",
			x.installed.Release, given(x.clusterName, "cluster"), given(x.resourceGroup, "resource-group"))},
	}
}

// given is a word for a command, or a placeholder for what was not given.
func given(value, what string) string {
	if value == "" {
		return "<" + what + ">"
	}
	return shellQuoted(value)
}

// deleteByName deletes what a manifest holds, for who has no Helm that knows it.
func (x *cleanup) deleteByName() []cleanupPart {
	var issuing, others []*resource.Object
	for _, o := range x.installed.Own {
		if isIssuing(o) {
			issuing = append(issuing, o)
		} else {
			others = append(others, o)
		}
	}
	if !x.manifest {
		return []cleanupPart{{
			Title: "Delete what was applied", Manual: true,
			Why:      "What that is says only the manifest: call cleanup with what kustomize build prints. This would delete all of it, whoever's it is.",
			Commands: []string{"kustomize build --enable-alpha-plugins <overlay> | kubectl delete --ignore-not-found -f -"},
		}}
	}
	parts := x.issuingPart(issuing)
	if commands := x.deleteObjects(others); len(commands) > 0 {
		parts = append(parts, cleanupPart{
			Title:    "Delete what was applied",
			Why:      "By name, and only what is the installation's. The volume claim goes with it, and the data.",
			Commands: commands,
		})
	}
	return parts
}

// issuingPart deletes objects of cert-manager's kinds, which kubectl only knows
// while their definitions are there.
func (x *cleanup) issuingPart(objects []*resource.Object) []cleanupPart {
	if len(objects) == 0 {
		return nil
	}
	commands := []string{}
	for _, command := range x.deleteObjects(objects) {
		commands = append(commands, "if [ -n \"$(kubectl get crd certificates.cert-manager.io --ignore-not-found --output name)\" ]; then\n"+indent(command)+"\nfi")
	}
	return []cleanupPart{{
		Title:    "Delete the certificate and what issues it",
		Why:      "Before their Secrets: cert-manager writes a Secret anew for as long as its Certificate is there.",
		Commands: commands,
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
	var issuing, others []*resource.Object
	for _, o := range x.installed.Added {
		if isIssuing(o) {
			issuing = append(issuing, o)
		} else {
			others = append(others, o)
		}
	}
	parts := x.issuingPart(issuing)
	if commands := x.deleteObjects(others); len(commands) > 0 {
		parts = append(parts, cleanupPart{
			Title:    "Delete what the scenario added",
			Why:      "Helm did not install it, so Helm does not delete it.",
			Commands: commands,
		})
	}
	return parts
}

// hooks are Helm's, which belong to no release once they have been made.
func (x *cleanup) hooks() []cleanupPart {
	if x.host.value == hostKubectl || len(x.installed.Hooks) == 0 {
		return nil
	}
	return []cleanupPart{{
		Title:    "Delete Helm's hooks",
		Why:      "Helm does not uninstall hooks; those that failed, or have no policy, are still there.",
		Commands: x.deleteObjects(x.installed.Hooks),
	}}
}

// issued are the Secrets that cert-manager wrote.
func (x *cleanup) issued() []cleanupPart {
	var commands []string
	for _, namespace := range namespacesOf(x.installed.Issued) {
		commands = append(commands, deleteCommand("secret", namespace, namesIn(x.installed.Issued, namespace)))
	}
	if len(commands) == 0 {
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
	var commands []string
	for _, claim := range x.installed.Claims {
		commands = append(commands,
			deleteCommand("persistentvolumeclaim", claim.Namespace, []string{claim.Name}),
			fmt.Sprintf(`kubectl get persistentvolumes --output go-template='{{range .items}}{{if .spec.claimRef}}{{if and (eq .spec.persistentVolumeReclaimPolicy "Retain") (eq .spec.claimRef.namespace %q) (eq .spec.claimRef.name %q)}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}{{end}}' |
  xargs -r kubectl delete persistentvolume --ignore-not-found`, claim.Namespace, plainName(claim.Name)))
	}
	if len(commands) == 0 {
		return nil
	}
	return []cleanupPart{{
		Title: "Delete the data",
		Why: "Images that were pushed here and not synchronised are lost. A claim that Helm or a StatefulSet left goes first; of a StorageClass with " +
			"reclaimPolicy Retain the volume is still there then, and what it stands for in the storage is to be deleted there.",
		Commands: commands,
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
		Why:   "Helm keeps them. With a CRD goes every object of its kind in the whole cluster, so they stay when any is left.",
	}
	which := ""
	for _, o := range x.installed.CRDs {
		which += " \\\n  " + shellQuoted(o.Name)
	}
	switch {
	case which != "":
	case x.manifest:
		part.Manual = true
		part.Why = "The manifest has a cert-manager and no CRDs: a chart that keeps them in crds/ installs them, and Helm never deletes these. " +
			"If they did not come with the registry, leave them. They stay when any object of their kinds is left."
		for _, name := range certManagerCRDs {
			which += " \\\n  " + name
		}
	default:
		which = " \\\n  --selector app.kubernetes.io/name=cert-manager,app.kubernetes.io/instance=" + x.installed.Release
	}
	part.Commands = []string{"if crds=$(kubectl get crd --ignore-not-found --output name" + which + deleteUnusedCRDs}
	return []cleanupPart{part}
}

// certManagerCRDs are those of cert-manager's chart.
var certManagerCRDs = []string{
	"challenges.acme.cert-manager.io", "orders.acme.cert-manager.io",
	"certificaterequests.cert-manager.io", "certificates.cert-manager.io", "clusterissuers.cert-manager.io", "issuers.cert-manager.io",
}

//nolint:dupword // one if ends within another
const deleteUnusedCRDs = `) && [ -n "$crds" ]; then
  left=
  for crd in $crds; do
    left+=$(kubectl get "${crd#*/}" --all-namespaces --output name) || left+=" what could not be listed"
  done
  if [ -z "$left" ]; then
    kubectl delete --ignore-not-found $crds
  else
    echo "kept: the CRDs of cert-manager, because of" $left
  fi
fi`

// leases are what a bundled cert-manager's controllers elected their leaders by.
func (x *cleanup) leases() []cleanupPart {
	var commands []string
	for _, namespace := range namespacesOf(x.installed.Leases) {
		commands = append(commands, deleteCommand("lease", namespace, namesIn(x.installed.Leases, namespace)))
	}
	if len(commands) == 0 {
		return nil
	}
	return []cleanupPart{{
		Title: "Delete the Leases of the bundled cert-manager", Why: "Its controllers made them, in a namespace that is not the release's.",
		Commands: commands,
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
			Why:   "It says where the DaemonSet was to run. Leave it where another connected registry of this cluster uses it.",
			Commands: []string{
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
	return []cleanupPart{
		{
			Title:    "Deactivate the connected registry",
			Why:      "Azure lets one instance be active at a time; without this, the next installation fails with ALREADY_ACTIVATED.",
			Manual:   manual,
			Commands: []string{"az acr connected-registry deactivate " + names + " --yes"},
		},
		{
			Title:    "Delete the connected registry in Azure",
			Why:      "With --cleanup go its sync token and scope map. Do not run it where the registry is to be installed again. Client tokens are yours, and stay.",
			Manual:   manual,
			Commands: []string{"az acr connected-registry delete " + names + " --cleanup --yes"},
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
		Title:    "Delete the namespace, if it is empty",
		Why:      "What is left in it is not the installation's, as far as this program knows; then it stays.",
		Commands: []string{fmt.Sprintf(deleteEmptyNamespace, namespace)},
	}}
}

// deleteEmptyNamespace is the same pasted into a shell without set -e: what cannot be
// listed is not nothing.
const deleteEmptyNamespace = `if kinds=$(kubectl api-resources --namespaced --verbs=list --output name) &&
  listed=$(kubectl get "$(paste -sd, - <<<"$kinds")" --namespace %[1]s --ignore-not-found --output name); then
  left=$(grep -vE '^(configmap/kube-root-ca\.crt|serviceaccount/default|endpoints/.*|endpointslice\.discovery\.k8s\.io/.*|event(\.events\.k8s\.io)?/.*)$' <<<"$listed" || true)
  if [ -z "$left" ]; then
    kubectl delete namespace %[1]s --ignore-not-found
  else
    echo "kept: namespace %[1]s, because of" $left
  fi
else
  echo "kept: namespace %[1]s, because what it holds could not be listed" >&2
fi`

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
