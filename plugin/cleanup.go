package plugin

import (
	"bytes"
	"cmp"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
)

const cleanupHelp = `Print the commands that take an installation away, and what uninstalling leaves
behind: Secrets that cert-manager wrote, CRDs of a bundled cert-manager,
volumes, the nodes' configuration, the connected registry in Azure. Nothing is
run.

The output is a shell script in parts, in the order in which they must be run.
It can be run again. Before a part deletes something, it checks that the
registry is uninstalled and nothing else uses the Secrets, claims and CRDs;
otherwise the script stops and says what uses them. What the installation uses
and did not bring, such as the Secret of spec.tls.secret or the cluster's own
cert-manager, is named and kept. What lacks a name that was not given, or
needs a hand on a node, is a comment. If other parts depend on it, the script
ends there.

MANIFEST is a file, or - for stdin: what helm get manifest and helm get hooks
print, or for --host kubectl what kustomize build prints. Without one, the
commands are those that the documented names allow, and the script says what it
cannot know.

--host says what installed it:
  helm     the helm command, with or without a post-renderer (the default)
  arc      Azure Arc, by az k8s-extension create
  flux     a HelmRelease, and what export flux wrote beside it
  kubectl  kustomize build … | kubectl apply`

const cleanupExamples = `  { helm get manifest edge -n edge; helm get hooks edge -n edge; } |
    ` + name + ` cleanup -s site.yaml -n edge - >cleanup.sh

  # an extension of Azure Arc, by the names that it was made with
  ` + name + ` cleanup -s site.yaml --host arc \
    --release edge -n connected-registry \
    --cluster-name plant --resource-group plants \
    --registry contoso --connected-registry edge

  kustomize build --enable-alpha-plugins overlay |
    ` + name + ` cleanup -s overlay/site.yaml --host kubectl -`

// What may have installed a registry.
const (
	hostHelm    = "helm"
	hostArc     = "arc"
	hostFlux    = "flux"
	hostKubectl = "kubectl"
)

// cleanupFlags are cleanup's own.
type cleanupFlags struct {
	scenarioFlags
	release, clusterName, resourceGroup string
	registry, connectedRegistry         string
	host, output                        *choice
}

// cleanup is what is known of what is to be taken away.
type cleanup struct {
	cleanupFlags
	scenario  string
	spec      scenario.Spec
	installed *transformers.Installation
	// manifest says that installed was read, and not only inferred.
	manifest bool
}

func (p *program) cleanupCommand() *cobra.Command {
	var flags cleanupFlags
	cmd := &cobra.Command{
		Use:     "cleanup [--scenario FILE] [MANIFEST|-]",
		Short:   "Print the commands that take an installation away",
		Long:    cleanupHelp,
		Example: cleanupExamples,
		GroupID: groupPeople,
		Args:    oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			x, overrides, err := p.cleanup(flags, args)
			if err != nil {
				return err
			}
			plan := x.plan()
			if flags.output.value == "json" {
				err = p.writeJSON(plan)
			} else {
				var out bytes.Buffer
				plan.print(&out)
				err = p.write(&out)
			}
			if err == nil {
				p.tell(&transformers.Report{}, overrides)
			}
			return err
		},
	}
	flags.registerFor(cmd)
	return cmd
}

func (f *cleanupFlags) registerFor(cmd *cobra.Command) {
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&f.release, "release", "", "the `NAME` of the Helm release or extension\n(default: the manifest's)")
	f.host = addChoice(cmd, "host", "`HOST`", hostHelm, hostArc, hostFlux, hostKubectl)
	cmd.Flags().Lookup("host").DefValue = "" // help says it; here it would not fit the line
	cmd.Flags().StringVar(&f.clusterName, "cluster-name", "", "arc: the `NAME` of the connected cluster")
	cmd.Flags().StringVar(&f.resourceGroup, "resource-group", "", "arc: the connected cluster's resource `GROUP`")
	cmd.Flags().StringVar(&f.registry, "registry", "", "the `NAME` of the Azure Container Registry")
	cmd.Flags().StringVar(&f.connectedRegistry, "connected-registry", "", "the `NAME` of the connected registry in it")
	f.output = addChoice(cmd, "output", "`FORMAT`", "text", "json")
	for _, name := range []string{"release", "cluster-name", "resource-group", "registry", "connected-registry"} {
		// The error is for flags that do not exist.
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}

// kubernetesName is what a name or namespace may be made of (DNS-1123).
var kubernetesName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

func (p *program) cleanup(flags cleanupFlags, args []string) (*cleanup, []scenario.Override, error) {
	x := &cleanup{cleanupFlags: flags, manifest: len(args) > 0}
	var layer *scenario.Layer
	var overrides []scenario.Override
	if flags.given() || p.env(scenarioEnv) != "" || !x.manifest {
		var err error
		if layer, overrides, err = p.loadScenario(flags.scenarioFlags); err != nil {
			return nil, nil, err
		}
		x.scenario, x.spec = scrub(layer.Scenario.Metadata.Name), layer.Scenario.Spec
		if flags.namespace == "" {
			flags.namespace = layer.Scenario.Metadata.Namespace
		}
	}
	var err error
	if x.installed, err = p.installation(flags, args, layer); err != nil {
		return nil, nil, err
	}
	for _, name := range []struct{ flag, value string }{{"--release", x.installed.Release}, {"--namespace", x.installed.Namespace}} {
		switch {
		case name.value == "":
			return nil, nil, usagef("%s is not given, and nothing else says it; give it, or a MANIFEST that does", name.flag)
		case !kubernetesName.MatchString(name.value):
			return nil, nil, usagef("%s: %q is no name that Kubernetes takes; expected lower-case letters, digits, - and .", name.flag, scrub(name.value))
		}
	}
	return x, overrides, nil
}

// installation is read from a manifest, else made of what was said.
func (p *program) installation(flags cleanupFlags, args []string, layer *scenario.Layer) (*transformers.Installation, error) {
	if len(args) == 0 {
		return assumed(flags, layer.Scenario.Spec), nil
	}
	input, from, err := p.readRender(args[0])
	if err != nil {
		return nil, err
	}
	set, err := parseSome(input, from)
	if err != nil {
		return nil, err
	}
	x, err := transformers.Recognise(set, layer, flags.namespace)
	if err != nil {
		return nil, err
	}
	if flags.release != "" {
		x.Release = flags.release
	}
	return x, nil
}

// assumed is an installation of which only the scenario is known: what the
// documentation names, and nothing that it does not.
func assumed(flags cleanupFlags, spec scenario.Spec) *transformers.Installation {
	x := &transformers.Installation{Release: flags.release, Namespace: flags.namespace, Trust: true}
	http := spec.HTTPEnabled != nil && *spec.HTTPEnabled
	issued := !http && spec.TLS == nil
	x.Bundle = issued
	if cm := spec.CertManager; cm != nil {
		if cm.Enabled != nil {
			issued = *cm.Enabled
		}
		x.Bundle = issued && (cm.Install == nil || *cm.Install)
		if cm.IssuerRef != nil {
			kind := cmp.Or(cm.IssuerRef.Kind, scenario.DefaultIssuerKind)
			x.Foreign = append(x.Foreign, transformers.Foreign{Kind: kind, Name: cm.IssuerRef.Name, Use: "the scenario's certManager.issuerRef"})
		}
	}
	if tls := spec.TLS; tls != nil && tls.Secret != nil {
		x.Foreign = append(x.Foreign, transformers.Foreign{Kind: "Secret", Namespace: flags.namespace, Name: *tls.Secret, Use: "the scenario's tls.secret"})
	}
	if issued {
		x.Issued = []transformers.Name{{Namespace: flags.namespace, Name: flags.release + "-ca-cert"}}
	}
	if t := spec.TrustDistribution; t != nil && t.Enabled != nil {
		x.Trust = *t.Enabled
		x.NodeSelector = x.Trust && t.UseNodeSelector != nil && *t.UseNodeSelector
	}
	x.Trust = x.Trust && !http
	if s := spec.Service; s != nil && s.ClusterIP != nil {
		x.Address = *s.ClusterIP
	}
	x.Claims = []transformers.Name{{Namespace: flags.namespace, Name: "connected-registry-pvc"}}
	return x
}
