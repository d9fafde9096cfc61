package plugin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/keypair"
	"github.com/connected-registry/scenario/transformers/trust"
)

const trustHelp = `Write what makes nodes and pods trust the registry where the chart's DaemonSet is
not to (trustDistribution.enabled: false).

RENDER is a file, or - (or nothing) for stdin: what the chart renders, patched or
not. The registry's addresses and its CA are taken from it and from the scenario.
A CA that the cluster alone has, because cert-manager makes it or tls.secret names
a Secret that is not in the render, is given with --ca; the error without it says
with which command to get it. No private key is ever read into what is written.

With --output-dir, files of an earlier run are replaced, and no others.`

// trustFlags are those of all three commands.
type trustFlags struct {
	scenarioFlags
	ca, outputDir string
	force         bool
}

func (f *trustFlags) registerFor(cmd *cobra.Command) {
	f.register(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&f.ca, "ca", "", "PEM `FILE` with the CA, if not the known one")
	flags.StringVarP(&f.outputDir, "output-dir", "o", "", "write files to `DIR` (default: to stdout)")
	flags.BoolVar(&f.force, "force", false, "replace files that others made")
	// The error is for flags that do not exist.
	_ = cobra.MarkFlagFilename(flags, "ca", "crt", "pem", "cer")
	_ = cobra.MarkFlagDirname(flags, "output-dir")
}

func (p *program) trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "trust",
		Short:   "Write what makes nodes and pods trust the registry",
		Long:    trustHelp,
		GroupID: groupPeople,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("cannot write trust for %q; there is trust containerd, trust k3s and trust bundle", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return usagef("say who is to trust the registry: containerd, k3s or bundle")
		},
	}
	cmd.AddCommand(p.trustContainerdCommand(), p.trustK3sCommand(), p.trustBundleCommand())
	return cmd
}

func (p *program) trustContainerdCommand() *cobra.Command {
	var flags trustFlags
	cmd := &cobra.Command{
		Use:   "containerd -s FILE [RENDER|-]",
		Short: "Write hosts.toml and the CA for the containerd of nodes",
		Long: `Write certs.d/HOST/hosts.toml and the CA for every host by which images may be
named, with and without the port, for /etc/containerd/certs.d on every node; and
config_path, which makes containerd look there, for containerd 1.x and 2.x.
containerd reads hosts.toml at every pull; restart it for config_path only.`,
		Example: `  helm template edge ./chart -n edge |
    ` + name + ` trust containerd -s site.yaml -o node

  # the CA is in the cluster only
  kubectl get secret edge-tls -n edge -o 'jsonpath={.data.ca\.crt}' |
    base64 -d >ca.crt
  ` + name + ` trust containerd -s site.yaml \
    --ca ca.crt render.yaml`,
		Args: oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := p.trustOfNodes(flags, args)
			if err != nil {
				return err
			}
			return p.writeTrust(t, t.registry().Containerd(), flags,
				"copy certs.d to /etc/containerd/certs.d on every node, and see that its config.toml has that config_path")
		},
	}
	flags.registerFor(cmd)
	return cmd
}

func (p *program) trustK3sCommand() *cobra.Command {
	var flags trustFlags
	cmd := &cobra.Command{
		Use:   "k3s -s FILE [RENDER|-]",
		Short: "Write registries.yaml and the CA for the nodes of k3s",
		Long: `Write registries.yaml and the CA for /etc/rancher/k3s on every node, servers and
agents. k3s reads one registries.yaml, when it starts: put the entries into the
one that a node has already, and restart k3s.`,
		Example: `  helm template edge ./chart -n edge |
    ` + name + ` trust k3s -s site.yaml -o node`,
		Args: oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := p.trustOfNodes(flags, args)
			if err != nil {
				return err
			}
			files, err := t.registry().K3s()
			if err != nil {
				return err
			}
			return p.writeTrust(t, files, flags, "copy the files to /etc/rancher/k3s on every node, and restart k3s")
		},
	}
	flags.registerFor(cmd)
	return cmd
}

func (p *program) trustBundleCommand() *cobra.Command {
	var flags trustFlags
	var trustNamespace string
	cmd := &cobra.Command{
		Use:   "bundle -s FILE [RENDER|-]",
		Short: "Write a Bundle, where the cluster has trust-manager",
		Long: `Write a Bundle of trust-manager's, which makes of the CA a ConfigMap in every
namespace. It is for pods that pull from the registry, and for whatever brings a
CA to nodes from a ConfigMap: no container runtime reads it by itself.

A CA that is known stands in the Bundle. One that the cluster alone has is named
by Secret and key, and trust-manager reads Secrets of one namespace only, its
trust namespace. If the release's is another one, give the CA with --ca.`,
		Example: `  helm template edge ./chart -n edge |
    ` + name + ` trust bundle -s site.yaml | kubectl apply -f -`,
		Args: oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := p.trust(flags, args)
			if err != nil {
				return err
			}
			from, err := t.bundleSource(flags, trustNamespace)
			if err != nil {
				return err
			}
			file, err := t.registry().Bundle(from)
			if err != nil {
				return err
			}
			return p.writeTrust(t, []trust.File{file}, flags, "trust-manager makes of it ConfigMap "+t.registry().BundleName()+", key ca.crt, in every namespace")
		},
	}
	flags.registerFor(cmd)
	cmd.Flags().StringVar(&trustNamespace, "trust-namespace", "cert-manager", "trust-manager's trust `NAMESPACE`\n")
	return cmd
}

// trusted is what the files are made of.
type trusted struct {
	layer     *scenario.Layer
	overrides []scenario.Override
	report    *transformers.Report
	access    *transformers.Access
	ca        []byte // nil where it is not known
	endpoints []trust.Endpoint
	warnings  []transformers.Warning
}

func (t *trusted) warn(code codes.Code, format string, args ...any) {
	t.warnings = append(t.warnings, transformers.Warning{Code: code, Transformer: "trust", Message: fmt.Sprintf(format, args...)})
}

// trust runs a scenario on a render and finds out whom clients must trust.
func (p *program) trust(flags trustFlags, args []string) (*trusted, error) {
	layer, overrides, err := p.loadScenario(flags.scenarioFlags)
	if err != nil {
		return nil, err
	}
	input, render, err := p.readRender(append(args, "-")[0])
	if err != nil {
		return nil, err
	}
	set, err := parseSome(input, render)
	if err != nil {
		return nil, err
	}
	access, report, err := transformers.AccessOf(set, layer, p.options(flags.namespace))
	if errors.Is(err, transformers.ErrOnlyHooks) {
		return nil, codes.Errorf(codes.HooksUnpatched, "%s holds Helm hooks only; give what the whole chart renders", render)
	}
	if err != nil {
		return nil, err
	}
	if !dnsName().MatchString(access.Release) {
		return nil, codes.Errorf(codes.InvalidName, "the release is called %q, which is no name for a file or an object; check %s on the registry's workload", scrub(access.Release), "app.kubernetes.io/instance")
	}
	t := &trusted{layer: layer, overrides: overrides, report: report, access: access}
	t.endpoints = trust.Endpoints(access.Addresses, access.Port, access.LoginServer, access.HTTP)
	if err := t.checkEndpoints(); err != nil {
		return nil, err
	}
	return t, p.findCA(t, flags)
}

// trustOfNodes is trust for those who cannot do without a CA.
func (p *program) trustOfNodes(flags trustFlags, args []string) (*trusted, error) {
	t, err := p.trust(flags, args)
	if err != nil {
		return nil, err
	}
	return t, t.needCA(flags)
}

// checkEndpoints makes sure that there is a host, and that none leads out of the
// directory that its files go to.
func (t *trusted) checkEndpoints() error {
	a := t.access
	if len(t.endpoints) == 0 {
		return transformers.Problem{
			Code: codes.NoClusterIP, Document: a.Service.Document(), Object: a.Service.String(), Ref: a.Service.Ref(), Field: "spec.clusterIP",
			Message: "there is none before the cluster chooses it, and runtimes look the registry up by its address",
			Fix:     "state spec.service.clusterIP or spec.registryLoginServer in the scenario",
		}
	}
	for _, e := range t.endpoints {
		if !hostName().MatchString(e.Host) {
			return codes.Errorf(codes.InvalidLoginServer, "the registry's login server %q is no host that images can be named by; state spec.registryLoginServer", scrub(e.Host))
		}
	}
	if len(a.Addresses) == 0 {
		t.warn(codes.NoClusterIP, "%s has no clusterIP before the cluster chooses it: images are pulled by %s only", a.Service, t.endpoints[0].Host)
	}
	return nil
}

// hostName is what an image's name may begin with.
var hostName = lazyregexp.New(`^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]+)?$`)

// findCA takes the CA that was given, else the one that is known, and checks it.
func (p *program) findCA(t *trusted, flags trustFlags) error {
	a := t.access
	ca, at := a.CA, a.CAFrom
	if flags.ca != "" {
		if a.HTTP {
			return usagef("--ca: the registry serves plain HTTP, and there is no CA to trust; leave it out, or write httpEnabled: false")
		}
		given, err := p.ReadFile(flags.ca)
		if err != nil {
			return p.cannotRead("CA", flags.ca, err)
		}
		ca, at = given, flags.ca
	}
	if ca == nil {
		return nil
	}
	crts, warnings, problems := keypair.CheckAuthority(ca, a.Crt, keypair.Fields{
		CA: field.NewPath(at), Crt: field.NewPath("the registry's certificate"), Key: field.NewPath("spec.tls.key or keyFile"),
	}, p.Now())
	if flags.ca != "" { // of the others the transformers told already
		for _, w := range warnings {
			t.warn(w.Code, "%s", w.Message)
		}
	}
	if len(problems) > 0 {
		return (&scenario.Layer{}).Translate(problems) // no line of a scenario is to blame
	}
	t.ca = crts
	t.checkHosts()
	return nil
}

// checkHosts warns of hosts that a certificate which is known does not hold. The
// Service's second address is one that nobody else looks at.
func (t *trusted) checkHosts() {
	info, _ := keypair.Check(scenario.Material{Crt: t.access.Crt}, keypair.Fields{}, keypair.Want{})
	if info.Leaf == nil {
		return
	}
	for _, e := range t.endpoints {
		u, err := url.Parse(e.URL)
		if err == nil && u.Port() == "" && info.Leaf.VerifyHostname(u.Hostname()) != nil {
			t.warn(codes.SANMissing, "the registry's certificate does not hold %s: clients that name images by it will refuse it", u.Hostname())
		}
	}
}

// needCA is the error of those who cannot do without a CA and have none.
func (t *trusted) needCA(flags trustFlags) error {
	if a := t.access; a.DaemonSet != nil {
		t.warn(codes.TrustTwice, "%s configures the nodes' runtime too, and may write over these files; write trustDistribution.enabled: false", a.DaemonSet)
	}
	if t.access.HTTP || t.ca != nil {
		return nil
	}
	return t.unknownCA(flags.namespace)
}

// unknownCA says where the CA is to be had.
func (t *trusted) unknownCA(namespace string) error {
	a := t.access
	if a.CAFrom == "spec.tls" {
		return t.layer.At(codes.CAMissing, "spec.tls", "whom clients must trust is not known: the certificate did not sign itself, and its CA is not stated",
			"state caCrt or caCrtFile, or give the CA with --ca FILE")
	}
	secret := "Secret/" + plainWord(a.Secret)
	if a.Crt != nil {
		return transformers.Problem{Code: codes.CAMissing, Object: secret, Field: "data[ca.crt]", Message: "whom clients must trust is not known: there is no such key",
			Fix: "put the CA there, or give it with --ca FILE"}
	}
	if a.Namespace != "" {
		namespace = a.Namespace
	}
	if namespace == "" {
		namespace = "NAMESPACE"
	}
	message := "the CA is not known: the Secret is not in the render"
	if a.Issued {
		message = "the CA is not known before cert-manager has issued the certificate"
	}
	return transformers.Problem{Code: codes.CAUnknown, Object: secret, Field: "data[ca.crt]", Message: message,
		Fix: fmt.Sprintf(`once it is there, run: kubectl get secret %s -n %s -o 'jsonpath={.data.ca\.crt}' | base64 -d >ca.crt; and give the file with --ca ca.crt`,
			plainWord(a.Secret), plainWord(namespace))}
}

// bundleSource is nil where the CA itself goes into the Bundle, else where
// trust-manager finds it.
func (t *trusted) bundleSource(flags trustFlags, trustNamespace string) (*trust.SecretKey, error) {
	a := t.access
	switch {
	case a.HTTP:
		return nil, codes.Errorf(codes.TrustWithoutCertificate, "the registry serves plain HTTP: there is no CA for a Bundle to distribute")
	case t.ca != nil:
		return nil, nil
	case a.Crt == nil && a.Namespace == trustNamespace:
		return &trust.SecretKey{Name: a.Secret, Key: "ca.crt"}, nil
	}
	err := t.unknownCA(flags.namespace)
	problem, ok := errors.AsType[transformers.Problem](err)
	if !ok || a.Crt != nil {
		return nil, err
	}
	problem.Message += fmt.Sprintf(", and trust-manager reads Secrets of namespace %s only, which is not the release's", plainWord(trustNamespace))
	problem.Fix += "; or, if its trust namespace is the release's, say so with --trust-namespace"
	return nil, problem
}

// registry is what package trust writes files of.
func (t *trusted) registry() trust.Registry {
	return trust.Registry{
		Name: t.access.Release, Endpoints: t.endpoints, CA: t.ca,
		// No version and no digest: files on nodes change only when what they say does.
		Header: fmt.Sprintf("%s trust; make it anew instead of editing it.\n# scenario: %s\n", madeBy, plainWord(t.layer.Scenario.Metadata.Name)),
	}
}

// writeTrust writes the files, or all of them to stdout where no directory is given,
// and says on stderr what a person must know.
func (p *program) writeTrust(t *trusted, made []trust.File, flags trustFlags, hint string) error {
	files := make([]exportedFile, 0, len(made))
	for _, f := range made {
		files = append(files, exportedFile{f.Path, f.Text})
	}
	if flags.outputDir == "" {
		if err := p.write(streamOf(files)); err != nil {
			return err
		}
	} else if err := replaceFiles(flags.outputDir, files, flags.force); err != nil {
		return err
	}
	if t.access.HTTP {
		t.warn(codes.PlainHTTP, "nodes are told to pull from %s by plain HTTP, without encryption and without knowing who answers", t.endpoints[0].Host)
	}
	p.tell(&transformers.Report{Warnings: append(t.report.Warnings, t.warnings...)}, t.overrides)
	if flags.outputDir != "" {
		p.tellLine(fmt.Sprintf("wrote %s to %s for %s", count(len(files), "file"), flags.outputDir, strings.Join(t.hosts(), ", ")))
		p.tellLine(hint)
	}
	return nil
}

func (t *trusted) hosts() []string {
	var hosts []string
	for _, e := range t.endpoints {
		hosts = append(hosts, e.Host)
	}
	return hosts
}
