package plugin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/transformers/patch"
)

const exportFluxHelp = `Write what a scenario does to a render for Flux, which executes nothing: a
kustomize Component that gives a HelmRelease its spec.postRenderers, and beside
it, in objects/, a kustomization with the objects to add, which post-renderers
of Flux cannot.

List the directory under components of the kustomization that has the
HelmRelease. Let RENDER (a file, or - or nothing for stdin) be what Flux
renders: the same chart, values, release name and namespace; without hooks
(helm template --no-hooks) where spec.postRenderStrategy is nohooks, or where
Flux has none yet.`

const exportFluxExamples = `  helm template edge ./chart -n edge --values values.yaml |
    ` + name + ` export flux -s site.yaml -n edge --release edge -o clusters/site/scenario`

// The files of an export for Flux.
const (
	helmReleaseFile  = "helmrelease-patch.yaml"
	objectsFile      = "objects/kustomization.yaml"
	objectsAddedFile = "objects/" + addedFile
)

func (p *program) exportFluxCommand() *cobra.Command {
	var flags exportFlags
	var release string
	cmd := &cobra.Command{
		Use:     "flux --scenario FILE [RENDER|-] --release NAME --output-dir DIR",
		Short:   "Write a scenario as post-renderers of a Flux HelmRelease",
		Long:    exportFluxHelp,
		Example: exportFluxExamples,
		Args:    oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			if release == "" {
				return usagef("no HelmRelease is named; give its metadata.name with --release")
			}
			if !dnsName().MatchString(release) {
				return usagef("--release %q is no name that a HelmRelease can have", release)
			}
			x, err := p.export(flags, append(args, "-")[0], nil)
			if err != nil {
				return err
			}
			files, err := x.flux(release)
			if err != nil {
				return err
			}
			return p.writeExport(x, files, flags.outputDir, fluxHint(flags.outputDir, files))
		},
	}
	flags.registerFor(cmd)
	cmd.Flags().StringVar(&release, "release", "", "`NAME` of the HelmRelease")
	return cmd
}

var dnsName = lazyregexp.New(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

func fluxHint(dir string, files []exportedFile) string {
	hint := "list " + dir + " under components of the kustomization that has the HelmRelease, relative to it"
	for _, f := range files {
		if f.path == objectsFile {
			hint += "; let a Flux Kustomization of its own apply " + dir + "/objects"
		}
	}
	return hint
}

// flux is the export for Flux.
func (x *exported) flux(release string) ([]exportedFile, error) {
	is := patch.Target{Group: `helm\.toolkit\.fluxcd\.io`, Kind: "HelmRelease", Name: regexp.QuoteMeta(release)}
	component := newComponent()
	there := expectation(patch.Found{
		Identity: patch.Identity{APIVersion: "helm.toolkit.fluxcd.io/v2", Kind: "HelmRelease", Name: release}, Target: is,
	})
	there.Source.Version = "" // Flux serves several
	component.Replacements = []replacement{there}
	outer, err := x.file(kustomizationFile, struct {
		kustomization
		Patches []patchFile `json:"patches"`
	}{component, []patchFile{{Path: helmReleaseFile, Target: is}}})
	if err != nil {
		return nil, err
	}
	renderer, err := x.file(helmReleaseFile, x.postRenderers())
	if err != nil {
		return nil, err
	}
	renderer.text = strings.Replace(renderer.text, "\n", "\n"+x.hookText(), 1)
	files := []exportedFile{outer, renderer}
	if len(x.changes.Added) == 0 {
		return files, nil
	}
	objects := kustomization{APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization", Resources: []string{addedFile}}
	if x.changes.AddedWithoutNamespace {
		if x.namespace == "" {
			return nil, usagef("the chart leaves the namespace to Helm, and the objects to add are not applied by Helm; give the release's with --namespace")
		}
		objects.Namespace = x.namespace
	}
	sibling, err := x.file(objectsFile, objects)
	if err != nil {
		return nil, err
	}
	return append(files, sibling, exportedFile{objectsAddedFile, x.addedText()}), nil
}

// patchFile is a patch that stands in a file of its own.
type patchFile struct {
	Path   string       `json:"path"`
	Target patch.Target `json:"target"`
}

// postRenderer is an entry of spec.postRenderers.
// Source: github.com/fluxcd/helm-controller/api/v2.
type postRenderer struct {
	Kustomize struct {
		Patches []patch.Patch `json:"patches"`
	} `json:"kustomize"`
}

// postRenderers is a JSON patch of the HelmRelease. A strategic merge patch would
// replace post-renderers that it has already without a word; this one fails.
func (x *exported) postRenderers() []patch.Operation {
	var renderer postRenderer
	renderer.Kustomize.Patches = append(renderer.Kustomize.Patches, patch.Expect(x.changes.Found))
	renderer.Kustomize.Patches = append(renderer.Kustomize.Patches, x.changes.Patches...)
	value, err := json.Marshal([]postRenderer{renderer})
	if err != nil { // strings only
		panic(err)
	}
	return []patch.Operation{
		{Op: "test", Path: "/spec/postRenderers", Value: json.RawMessage("null")},
		{Op: "add", Path: "/spec/postRenderers", Value: value},
	}
}

// hookText says which strategy it takes where hooks are to be patched.
func (x *exported) hookText() string {
	var hooks []string
	for _, found := range x.changes.Found {
		if found.Hook {
			hooks = append(hooks, plainWord(found.String()))
		}
	}
	if len(hooks) == 0 {
		return ""
	}
	return fmt.Sprintf("# It patches hooks (%s), so the HelmRelease needs spec.postRenderStrategy: combined.\n", strings.Join(hooks, ", "))
}
