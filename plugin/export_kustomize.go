package plugin

import (
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/patch"
)

const exportKustomizeHelp = `Write what a scenario does to a render as a kustomize Component: patches for what
changes, "$patch: delete" for what goes, resources for what is new. kustomize
then needs neither this program nor any flag for plugins.

Put the directory under components of the kustomization that has the render
(or helmCharts) under its resources. RENDER is a file, or - (or nothing) for
stdin; let it be what that kustomization builds without the component, and
without namePrefix and nameSuffix: kustomize applies components before them, and
to names that they changed below it mends references only after it. Hashes of
generators and a namespace may be there.`

const exportKustomizeExamples = `  kustomize build --enable-helm overlay |
    ` + name + ` export kustomize -s site.yaml -o overlay/scenario`

// The files of an export for kustomize.
const (
	kustomizationFile = "kustomization.yaml"
	expectedFile      = "expected/kustomization.yaml"
)

// belowNames says why a build may fail that renames what is in the render.
const belowNames = "# List it below namePrefix and nameSuffix: kustomize applies it before those of the kustomization that\n" +
	"# lists it, and mends references to names that were changed further below only after it. A build in which\n" +
	"# the names are not the render's fails.\n"

func (p *program) exportKustomizeCommand() *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:     "kustomize --scenario FILE [RENDER|-] --output-dir DIR",
		Short:   "Write a scenario as a kustomize Component",
		Long:    exportKustomizeHelp,
		Example: exportKustomizeExamples,
		Args:    oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			x, err := p.export(flags, append(args, "-")[0], withoutHashes)
			if err != nil {
				return err
			}
			x.where = belowNames
			files, err := x.component()
			if err != nil {
				return err
			}
			return p.writeExport(x, files, flags.outputDir, "list "+flags.outputDir+" under components of your kustomization, relative to it")
		},
	}
	flags.registerFor(cmd)
	return cmd
}

var objectName = lazyregexp.New(`[a-z0-9.-]+`)

// withoutHashes gives generated Secrets and ConfigMaps, and the references to them, the
// names without a hash: kustomize applies components before it appends one.
func withoutHashes(render []byte) ([]byte, error) {
	set, err := parse(render)
	if err != nil {
		return nil, err
	}
	objects, err := set.Select([]string{"Secret", "ConfigMap"})
	names := map[string]string{}
	for _, o := range objects {
		if name := transformers.GeneratedFrom(o); name != "" {
			names[o.Name] = name
		}
	}
	if err != nil || len(names) == 0 {
		return render, err
	}
	return objectName().ReplaceAllFunc(render, func(match []byte) []byte {
		if name := names[string(match)]; name != "" {
			return []byte(name)
		}
		return match
	}), nil
}

// kustomization is the part of kustomize's that an export uses.
// Source: sigs.k8s.io/kustomize/api/types.
type kustomization struct {
	APIVersion   string        `json:"apiVersion"`
	Kind         string        `json:"kind"`
	Namespace    string        `json:"namespace,omitempty"`
	Components   []string      `json:"components,omitempty"`
	Resources    []string      `json:"resources,omitempty"`
	Patches      []patch.Patch `json:"patches,omitempty"`
	Replacements []replacement `json:"replacements,omitempty"`
}

func newComponent() kustomization {
	return kustomization{APIVersion: "kustomize.config.k8s.io/v1alpha1", Kind: "Component"}
}

type replacement struct {
	Source  source   `json:"source"`
	Targets []target `json:"targets"`
}

type source struct {
	selected
	FieldPath string `json:"fieldPath"`
}

type target struct {
	Select     selected `json:"select"`
	FieldPaths []string `json:"fieldPaths"`
}

type selected struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version,omitempty"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// expectation fails a build where an object is not there, in the version of its API, or
// is there twice. A patch
// whose target selects nothing is passed over in silence; a replacement whose source
// selects nothing is an error. This one puts an object's kind where it is already.
func expectation(found patch.Found) replacement {
	// A source is taken by its words, not as a regular expression as a target is.
	is := selected{Group: found.Group(), Version: found.Version(), Kind: found.Kind, Name: found.Name}
	if found.Target.Namespace != "" {
		is.Namespace = found.Namespace
	}
	return replacement{
		Source: source{is, "kind"},
		Targets: []target{{
			Select:     selected{Group: found.Target.Group, Kind: found.Target.Kind, Name: found.Target.Name, Namespace: found.Target.Namespace},
			FieldPaths: []string{"kind"},
		}},
	}
}

// component is the export for kustomize. What must be there is looked at before
// anything is patched, by a component of its own: kustomize builds inner components
// first, and within one it does replacements last.
func (x *exported) component() ([]exportedFile, error) {
	expected, outer := newComponent(), newComponent()
	for _, found := range x.changes.Found {
		expected.Replacements = append(expected.Replacements, expectation(found))
	}
	var files []exportedFile
	if len(expected.Replacements) > 0 {
		outer.Components = []string{"expected"}
	}
	if len(x.changes.Added) > 0 {
		outer.Resources = []string{addedFile}
	}
	outer.Patches = x.changes.Patches
	text, err := x.file(kustomizationFile, outer)
	if err != nil {
		return nil, err
	}
	files = append(files, text)
	if len(outer.Components) > 0 {
		text, err := x.file(expectedFile, expected)
		if err != nil {
			return nil, err
		}
		files = append(files, text)
	}
	if len(x.changes.Added) > 0 {
		files = append(files, exportedFile{addedFile, x.addedText()})
	}
	return files, nil
}

func (x *exported) file(path string, content any) (exportedFile, error) {
	text, err := yaml.Marshal(content)
	comment := x.header()
	if path == kustomizationFile {
		comment += x.where + x.todo()
	}
	return exportedFile{path, comment + string(text)}, err
}
