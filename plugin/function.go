package plugin

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

const functionHelp = `Act as a KRM function: stdin and stdout are a ResourceList, and its
functionConfig is the scenario. What was done is in the list's results and on
stderr. On failure the list is written as it came, with the errors in its
results, and the exit code is not 0, because kustomize looks at nothing else.

crtFile, keyFile and caCrtFile are relative to the working directory. kustomize
makes that the folder of the kustomization; other hosts may not, and crt, key
and caCrt do not depend on it.

kustomize needs both --enable-alpha-plugins and --enable-exec. Without
--enable-exec it leaves the function out and says nothing.`

const functionExamples = `  kustomize build --enable-alpha-plugins --enable-exec .

  # in the scenario file, which the kustomization lists under transformers:
  metadata:
    annotations:
      config.kubernetes.io/function: |
        exec:
          path: ` + name

func (p *program) functionCommand() *cobra.Command {
	var flags renderFlags
	cmd := &cobra.Command{
		Use:     "function",
		Short:   "Patch a ResourceList on stdin, as a KRM function",
		Long:    functionHelp,
		Example: functionExamples,
		GroupID: groupHosts,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			input, err := p.readStdin()
			if err != nil {
				return err
			}
			return p.runFunction(input, flags)
		},
	}
	flags.scenarioFlags.register(cmd.Flags())
	registerQuiet(cmd.Flags(), &flags.quiet)
	return cmd
}

func (p *program) runFunction(input []byte, flags renderFlags) error {
	set, err := resource.ParseResourceList(input)
	if err != nil {
		return err
	}
	report, overrides, err := p.callFunction(set, flags)
	if errors.Is(err, transformers.ErrOnlyHooks) {
		if !flags.quiet {
			p.tellLine(onlyHooksWarning)
		}
		return p.write(set)
	}
	if err != nil {
		return p.failFunction(input, err)
	}
	if err := setResults(set, resultsOf(report)); err != nil {
		return err
	}
	if err := p.write(set); err != nil || flags.quiet {
		return err
	}
	p.tell(report, overrides)
	return nil
}

func (p *program) callFunction(set *resource.Set, flags renderFlags) (*transformers.Report, []scenario.Override, error) {
	layer, overrides, err := p.functionScenario(set, flags.scenarioFlags)
	if err != nil {
		return nil, nil, err
	}
	report, err := transformers.Run(set, layer, p.options(flags.namespace))
	return report, overrides, err
}

// functionScenario is the functionConfig, or what flags name where there is none.
func (p *program) functionScenario(set *resource.Set, flags scenarioFlags) (*scenario.Layer, []scenario.Override, error) {
	config := set.FunctionConfig()
	if config == nil {
		return p.loadScenario(flags)
	}
	if config.GetKind() == "ConfigMap" {
		return p.configMapScenario(config, flags)
	}
	if flags.given() {
		return nil, nil, usagef("the ResourceList has a functionConfig, and --scenario or --config is given; " +
			"use the command function without --scenario and --config, or post-render on a plain stream")
	}
	layer, err := scenario.DecodeNode(functionSource(config.GetName()), config)
	if err != nil {
		return nil, nil, err
	}
	return layer, nil, layer.Resolve(p.readFrom("."))
}

// configMapScenario is for runners that turn arguments into a functionConfig:
// kustomize fn run … -- scenario=FILE, and kpt fn eval likewise. Several files
// are parted as in PATH. Without arguments the ConfigMap is empty.
func (p *program) configMapScenario(config *yaml.RNode, flags scenarioFlags) (*scenario.Layer, []scenario.Override, error) {
	data := config.GetDataMap()
	files, stated := data["scenario"]
	delete(data, "scenario")
	for _, key := range slices.Sorted(maps.Keys(data)) {
		return nil, nil, codes.Errorf(codes.FunctionConfig, "the functionConfig is a ConfigMap with %q, expected scenario=FILE, or a %s instead of the ConfigMap", key, scenario.Kind)
	}
	if stated && flags.given() {
		return nil, nil, usagef("a scenario is given by functionConfig and by --scenario; leave one out")
	}
	if stated {
		flags.files = filepath.SplitList(files)
	}
	return p.loadScenario(flags)
}

// functionSource tells the scenarios of a kustomization apart in errors.
func functionSource(scenario string) string {
	if scenario == "" {
		return "functionConfig"
	}
	return "functionConfig " + scenario
}

// failFunction gives the list back as it came, with the errors in it.
func (p *program) failFunction(input []byte, cause error) error {
	set, err := resource.ParseResourceList(input) // the other one is half patched
	if err == nil {
		err = setResults(set, errorResults(set, cause))
	}
	if err == nil {
		err = p.write(set)
	}
	if err != nil {
		return errors.Join(cause, err)
	}
	return cause
}
