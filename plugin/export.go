package plugin

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/patch"
	"github.com/connected-registry/scenario/transformers/resource"
)

const exportHelp = `Write what a scenario does to a render as plain patches, for those who cannot
execute a program where they deploy.

An export is made for the render that it was made from. Applied to another one
it fails, or changes the same objects in the same way: make it anew whenever
the chart, its values or the scenario change.

No Secret is ever written. Where the scenario brings its own certificate, the
export says with which command the Secret is created.`

// exportFlags are those of both exports.
type exportFlags struct {
	scenarioFlags
	outputDir string
}

func (p *program) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write a scenario as plain patches, for kustomize or Flux",
		Long:    exportHelp,
		GroupID: groupPeople,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("cannot export for %q; there is export kustomize and export flux", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return usagef("say what the export is for: kustomize or flux")
		},
	}
	cmd.AddCommand(p.exportKustomizeCommand(), p.exportFluxCommand())
	return cmd
}

func (f *exportFlags) registerFor(cmd *cobra.Command) {
	f.register(cmd.Flags())
	cmd.Flags().StringVarP(&f.outputDir, "output-dir", "o", "", "write files to `DIR` (default: everything to stdout)")
}

// exported is what an export is made of.
type exported struct {
	layer     *scenario.Layer
	overrides []scenario.Override
	report    *transformers.Report
	changes   *patch.Set
	namespace string
	digest    string // of the render
	where     string // it works, as comments
}

// export runs a scenario on a render and says what it changed as patches. A host may have
// objects by other names than the render shows; prepare, if any, gives them those.
func (p *program) export(flags exportFlags, render string, prepare func([]byte) ([]byte, error)) (*exported, error) {
	layer, overrides, err := p.loadScenario(flags.scenarioFlags)
	if err != nil {
		return nil, err
	}
	input, render, err := p.readRender(render)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(input)
	if prepare != nil {
		if input, err = prepare(input); err != nil {
			return nil, err
		}
	}
	before, err := allObjects(input, render)
	if err != nil {
		return nil, err
	}
	set, err := parse(input)
	if err != nil {
		return nil, err
	}
	report, err := transformers.Run(set, layer, p.options(flags.namespace))
	if errors.Is(err, transformers.ErrOnlyHooks) {
		return nil, codes.Errorf(codes.ExportRefused, "%s holds Helm hooks only; export what the whole chart renders", render)
	}
	if err != nil {
		return nil, err
	}
	after, err := set.Select(nil)
	if err != nil {
		return nil, err
	}
	changes, err := patch.Between(before, after, report.Read)
	if err != nil {
		return nil, err
	}
	if changes.Empty() {
		return nil, codes.Errorf(codes.NothingToExport, "scenario %s holds on %s already; there is nothing to export", scrub(layer.Scenario.Metadata.Name), render)
	}
	namespace := flags.namespace
	if namespace == "" {
		namespace = layer.Scenario.Metadata.Namespace
	}
	return &exported{
		layer: layer, overrides: overrides, report: report, changes: changes,
		namespace: namespace, digest: fmt.Sprintf("sha256:%x", sum),
	}, nil
}

// allObjects are a render's, as it came.
func allObjects(input []byte, from string) ([]*resource.Object, error) {
	set, err := parseSome(input, from)
	if err != nil {
		return nil, err
	}
	return set.Select(nil)
}

// madeBy begins every file of an export. A file without it is not ours to replace.
const madeBy = "# Made by " + name

// header says what an export was made from.
func (x *exported) header() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s. DO NOT EDIT; export again instead.\n", madeBy, version())
	fmt.Fprintf(&b, "# scenario: %s, %s\n", plainWord(x.layer.Scenario.Metadata.Name), plainWord(x.layer.Digest(version())))
	fmt.Fprintf(&b, "# render: %s\n", x.digest)
	b.WriteString("# It is for that render: export again if the chart, its values or the scenario change.\n" +
		"# It cannot test labels, annotations, what Secrets hold, and that there are no further objects, such as\n" +
		"# a Service that leads to the same pods; verify --render compares what was built with all of the render.\n")
	return b.String()
}

// todo is what is to be done by hand, as comments.
func (x *exported) todo() string {
	var b strings.Builder
	for _, s := range x.changes.Secrets {
		for line := range strings.Lines(x.secretText(s)) {
			b.WriteString("# " + line)
		}
	}
	return b.String()
}

// summary counts the objects.
func (x *exported) summary() string {
	c := x.changes
	text := fmt.Sprintf("%s changed, %d removed, %d added", count(c.Changed(), "object"), c.Removed(), len(c.Added))
	if len(c.Secrets) > 0 {
		text += ", " + count(len(c.Secrets), "Secret") + " for you to create"
	}
	return text
}

// secretText says how a Secret is created that no export holds.
func (x *exported) secretText(s patch.Secret) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Create Secret %s before you deploy; its private key is in no file of an export:\n", plainWord(s.Name))
	fmt.Fprintf(&b, "  kubectl create secret generic %s", plainWord(s.Name))
	namespace := s.Namespace
	if namespace == "" {
		namespace = x.namespace
	}
	if namespace != "" {
		fmt.Fprintf(&b, " --namespace %s", plainWord(namespace))
	}
	if s.Type != "" {
		fmt.Fprintf(&b, " --type=%s", plainWord(s.Type))
	}
	for _, key := range s.Keys {
		file := key
		if key == "ca.crt" && s.SameAsCrt {
			file = "tls.crt"
		}
		fmt.Fprintf(&b, " \\\n    --from-file=%s=%s", plainWord(key), plainWord(file))
	}
	b.WriteString("\n")
	if s.Rendered {
		b.WriteString("The chart renders that Secret too; the export takes it out of the render. Helm then deletes the one\n" +
			"that an earlier revision created: annotate it with helm.sh/resource-policy=keep first, or create it again.\n")
	}
	return b.String()
}

var harmless = lazyregexp.New(`^[A-Za-z0-9._/@:+,-]+$`)

// plainWord is a word for a comment or a command, whatever a manifest may call itself.
func plainWord(text string) string {
	if harmless().MatchString(text) {
		return text
	}
	return strconv.QuoteToASCII(scrub(text))
}

// exportedFile is a file of an export, its path relative to the output directory.
type exportedFile struct{ path, text string }

// writeExport writes the files, or all of them to stdout where no directory is
// given, and says on stderr what a person must know.
func (p *program) writeExport(x *exported, files []exportedFile, dir, hint string) error {
	for _, f := range files {
		// The last of several locks: the patches hold no Secret's data to begin with.
		if scrub(f.text) != f.text {
			return codes.Errorf(codes.ExportRefused, "%s would hold a private key or a password that the render has in clear; take it out of the render", f.path)
		}
	}
	if dir != "" {
		if err := writeFiles(dir, files); err != nil {
			return err
		}
	} else if err := p.write(streamOf(files)); err != nil {
		return err
	}
	p.tell(&transformers.Report{Warnings: x.report.Warnings}, x.overrides)
	where := ""
	if dir != "" {
		where = " to " + dir
	}
	p.tellLine(fmt.Sprintf("exported %s%s: %s", plainWord(x.layer.Scenario.Metadata.Name), where, x.summary()))
	for _, s := range x.changes.Secrets {
		for line := range strings.Lines(x.secretText(s)) {
			p.tellLine(strings.TrimRight(line, "\n"))
		}
	}
	if hint != "" && dir != "" {
		p.tellLine(hint)
	}
	return nil
}

// streamOf is an export as one stream, to look at.
func streamOf(files []exportedFile) *bytes.Buffer {
	var out bytes.Buffer
	for i, f := range files {
		if i > 0 {
			out.WriteString("---\n")
		}
		fmt.Fprintf(&out, "# file: %s\n%s", f.path, strings.TrimPrefix(f.text, "---\n"))
	}
	return &out
}

// addedFile is the file of the objects that a scenario adds.
const addedFile = "added.yaml"

func (x *exported) addedText() string {
	return x.header() + strings.Join(x.changes.Added, "---\n")
}
