package plugin

import (
	"bytes"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

const postRenderHelp = `Read a rendered chart on stdin, make the scenario hold on it, and write the
result to stdout. Nothing is written unless everything succeeded. What was
changed is reported on stderr, a line for each change.`

const postRenderExamples = `  helm template edge ./chart -n edge |
    ` + name + ` post-render -s site.yaml | kubectl apply -f -

  # a base, and what one site states otherwise
  helm upgrade --install edge ./chart -n edge \
    --post-renderer ` + name + ` \
    --post-renderer-args=--scenario=base.yaml \
    --post-renderer-args=--scenario=site.yaml`

func (p *program) postRenderCommand() *cobra.Command {
	var flags renderFlags
	cmd := &cobra.Command{
		Use:     "post-render --scenario FILE",
		Short:   "Patch a rendered chart on stdin, as Helm's post-renderer",
		Long:    postRenderHelp,
		Example: postRenderExamples,
		GroupID: groupHosts,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if _, err := p.scenarioFiles(flags.scenarioFlags); err != nil {
				return err
			}
			input, err := p.readStdin()
			if err != nil {
				return err
			}
			if isResourceList(input) {
				return usagef("stdin is a ResourceList, as kustomize gives a KRM function; use the command function")
			}
			return p.runPostRender(input, flags)
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func (p *program) runPostRender(input []byte, flags renderFlags) error {
	layer, overrides, err := p.loadScenario(flags.scenarioFlags)
	if err != nil {
		return err
	}
	set, err := resource.ParseStream(input)
	if err != nil {
		return err
	}
	if set.Len() == 0 {
		if !flags.allowEmpty {
			return codes.Errorf(codes.NoManifests, "stdin holds no manifests; helm template --output-dir runs post-renderers without input and writes "+
				"the files unpatched (https://github.com/helm/helm/issues/8520), so leave --output-dir out, or pass --allow-empty if nothing is to be patched")
		}
		return p.write(bytes.NewReader(input))
	}
	return p.patch(set, layer, overrides, flags)
}

// patch makes the scenario hold on a stream and writes it.
func (p *program) patch(set *resource.Set, layer *scenario.Layer, overrides []scenario.Override, flags renderFlags) error {
	report, err := transformers.Run(set, layer, p.options(flags.namespace))
	onlyHooks := errors.Is(err, transformers.ErrOnlyHooks)
	if err != nil && !onlyHooks {
		return err
	}
	if err := p.write(set); err != nil || flags.quiet {
		return err
	}
	if onlyHooks {
		p.tellLine(onlyHooksWarning)
		return nil
	}
	p.tell(report, overrides)
	return nil
}

// write writes the result, once everything else has succeeded.
func (p *program) write(result io.WriterTo) error {
	if _, err := result.WriteTo(p.Out); err != nil {
		return codes.Errorf(codes.StreamFailed, "cannot write the result: %w", err)
	}
	return nil
}
