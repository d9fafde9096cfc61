package plugin

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/resource"
)

// clusterKinds are the kinds that have no namespace, of those that a chart such as
// the registry's renders.
var clusterKinds = []string{
	"ClusterRole", "ClusterRoleBinding", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService",
	"ClusterIssuer", "PodSecurityPolicy", "PriorityClass", "StorageClass", "PersistentVolume", "RuntimeClass", "Namespace",
}

// namespaceOf returns an object's namespace, empty if its kind has none.
func (x *cleanup) namespaceOf(o *resource.Object) string {
	if slices.Contains(clusterKinds, o.Kind) {
		return ""
	}
	return cmp.Or(o.Namespace, x.installed.Namespace)
}

// deleteObjects returns one command for each namespace. The objects without one go
// first: a webhook configuration without its server would refuse things.
func (x *cleanup) deleteObjects(objects []*resource.Object) []string {
	byNamespace := map[string][]string{}
	for _, o := range objects {
		namespace := x.namespaceOf(o)
		byNamespace[namespace] = append(byNamespace[namespace], typedName(o))
	}
	var commands []string
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		commands = append(commands, deleteCommand("", namespace, byNamespace[namespace]))
	}
	return commands
}

// typedName is how kubectl is told which object is meant: deployment.apps/edge.
func typedName(o *resource.Object) string {
	kind := strings.ToLower(o.Kind)
	if group, _, grouped := strings.Cut(o.APIVersion, "/"); grouped {
		kind += "." + group
	}
	return kind + "/" + o.Name
}

// deleteCommand deletes objects of one kind, or of the kinds that their names say.
func deleteCommand(kind, namespace string, names []string) string {
	command := "kubectl delete"
	if kind != "" {
		command += " " + kind
	} else {
		command += " --cascade=foreground" // with what these own in turn
	}
	if namespace != "" {
		command += " --namespace " + shellQuoted(namespace)
	}
	command += " --ignore-not-found"
	if len(names) == 1 {
		return command + " " + shellQuoted(names[0])
	}
	for _, name := range names {
		command += " \\\n  " + shellQuoted(name)
	}
	return command
}

// shellQuoted is one word to a shell, whatever a manifest may call its objects. No
// name of Kubernetes begins with a hyphen; one that does must not become a flag.
func shellQuoted(text string) string {
	text = strings.TrimLeft(text, "-")
	if harmless().MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// plainName is a name within a quoted template: what no name holds is taken out.
func plainName(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return -1
	}, text)
}

// kept names what the installation uses and must survive it.
func (x *cleanup) kept() []keptObject {
	kept := []keptObject{}
	for _, f := range x.installed.Foreign {
		name := f.Kind + "/" + f.Name
		if f.Namespace != "" {
			name = f.Kind + "/" + f.Namespace + "/" + f.Name
		}
		kept = append(kept, keptObject{plainWord(name), f.Use})
	}
	if !x.installed.Bundle && len(x.installed.Issued) > 0 {
		kept = append(kept, keptObject{"the cluster's cert-manager", "it was not installed with the registry"})
	}
	if x.host.value == hostKubectl {
		for _, o := range x.installed.Others {
			kept = append(kept, keptObject{plainWord(o.ID()), "it is in the manifest, and nothing says that it is the registry's"})
		}
		for _, o := range x.sorted(x.installed.Own).shared {
			kept = append(kept, keptObject{plainWord(o.ID()), "it holds or provides for what others have in the cluster"})
		}
	}
	return kept
}

// checks are the functions that the parts call to see what is still in use.
//
//go:embed cleanup_checks.sh
var checks string

// setup returns the variables and functions that the parts use.
func (x *cleanup) setup() string {
	var workloads []string
	for _, o := range x.installed.Own {
		if slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, o.Kind) && x.namespaceOf(o) == x.installed.Namespace {
			workloads = append(workloads, o.String())
		}
	}
	return fmt.Sprintf("release=%s\nnamespace=%s\nworkloads=%s\n\n%s",
		x.installed.Release, x.installed.Namespace, shellQuoted(strings.Join(workloads, " ")), checks)
}

// unknown is what a better informed call would know.
func (x *cleanup) unknown() []string {
	unknown := []string{}
	add := func(format string, args ...any) { unknown = append(unknown, fmt.Sprintf(format, args...)) }
	release, namespace := x.installed.Release, x.installed.Namespace
	switch {
	case !x.manifest:
		add("Which Secrets cert-manager wrote, which hooks there are and what the chart calls its objects says only the manifest. "+
			"Give it: { helm get manifest %s -n %s; helm get hooks %s -n %s; } | %s cleanup … -", release, namespace, release, namespace, name)
		if len(x.installed.Issued) > 0 {
			add("cert-manager names the Certificate in each Secret that it wrote: kubectl get secrets -n %s -o custom-columns='NAME:.metadata.name,CERTIFICATE:.metadata.annotations.cert-manager\\.io/certificate-name'", namespace)
		}
	case x.scenario != "" && !x.installed.Recorded:
		add("The manifest carries no record of any scenario: it is not what this program has patched. Give what is deployed, as helm get manifest prints it.")
	}
	return unknown
}

// print writes the plan as a shell script.
func (plan *cleanupPlan) print(out *bytes.Buffer) {
	what := fmt.Sprintf("Takes the connected registry %s in namespace %s away.", plan.Release, plan.Namespace)
	if plan.Scenario != "" {
		what = fmt.Sprintf("Takes the connected registry %s in namespace %s away, as scenario %s has it.", plan.Release, plan.Namespace, plainWord(plan.Scenario))
	}
	fmt.Fprintln(out, "#!/usr/bin/env bash")
	comment(out, "", what)
	comment(out, "", fmt.Sprintf("Made by %s %s. Read it before you run it: what it deletes is gone. "+
		"Run it with bash as a whole. It stops at a part that would delete what is still in use, and can be run again.", name, version()))
	fmt.Fprintln(out, "set -euo pipefail")
	if plan.missing == "" {
		fmt.Fprintln(out)
		fmt.Fprint(out, plan.Setup)
	}
	for i, part := range plan.Parts {
		fmt.Fprintln(out)
		comment(out, "", fmt.Sprintf("%d. %s", i+1, part.Title))
		comment(out, "", part.Why)
		for _, command := range part.Commands {
			if part.Manual {
				command = "# $ " + strings.ReplaceAll(command, "\n", "\n#   ")
			}
			fmt.Fprintln(out, command)
		}
	}
	if plan.missing != "" {
		fmt.Fprintf(out, "echo 'stopped: the last part needs a hand; run cleanup again with %s for the parts after it' >&2\nexit 1\n", plan.missing)
	}
	if len(plan.Kept) > 0 {
		fmt.Fprintln(out)
		comment(out, "", "Kept:")
		for _, k := range plan.Kept {
			comment(out, "- ", k.Object+": "+k.Why)
		}
	}
	if len(plan.Unknown) > 0 {
		fmt.Fprintln(out)
		comment(out, "", "Not known:")
		for _, text := range plan.Unknown {
			comment(out, "- ", text)
		}
	}
}

// commentWidth is what a comment's text may take of a line.
const commentWidth = 86

// comment writes a text as comments. Nothing of it can end the comment: it is
// broken at spaces only, and newlines are spaces.
func comment(out *bytes.Buffer, lead, text string) {
	for i, line := range wrap(printable(strings.Join(strings.Fields(text), " ")), commentWidth-len(lead)) {
		if i > 0 {
			lead = strings.Repeat(" ", len(lead))
		}
		fmt.Fprintln(out, "# "+lead+line)
	}
}
