package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const name = "connected-registry-scenario"

// The groups in which help lists the commands.
const (
	groupPeople = "people"
	groupHosts  = "hosts"
)

const rootHelp = `Make a security scenario hold on a rendered Azure connected registry chart.

Without a command, the program finds out who calls it:
  - kustomize, as a legacy plugin   KUSTOMIZE_PLUGIN_CONFIG_* is set
  - kustomize, as a KRM function    stdin is a ResourceList
  - Helm, as a post-renderer        anything else

Errors and warnings end in a code in brackets; explain CODE says more.`

const rootExamples = `  # see what a scenario would change
  helm template edge ./chart -n edge |
    ` + name + ` plan --scenario site.yaml

  # let Helm 3 apply it
  helm upgrade --install edge ./chart -n edge \
    --post-renderer ` + name + ` \
    --post-renderer-args=--scenario=site.yaml`

// rootCommand is the command table.
func (p *program) rootCommand() *cobra.Command {
	var flags renderFlags
	root := &cobra.Command{
		Use:     name,
		Short:   "Make a security scenario hold on a rendered connected registry chart",
		Long:    rootHelp,
		Example: rootExamples,
		Version: version(),
		// Errors are told by Main, in one way for all commands.
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // dispatch judges them
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.dispatch(cmd, args, flags)
		},
	}
	flags.register(root.Flags())
	root.SetFlagErrorFunc(p.flagError)
	root.AddGroup(
		&cobra.Group{ID: groupPeople, Title: "Commands for you:"},
		&cobra.Group{ID: groupHosts, Title: "Commands for Helm and kustomize:"},
	)
	root.SetHelpCommandGroupID(groupPeople)
	root.SetCompletionCommandGroupID(groupPeople)
	root.AddCommand(
		p.planCommand(), p.checkCommand(), p.inspectCommand(), p.explainCommand(), p.schemaCommand(), p.verifyCommand(), p.doctorCommand(), p.installCommand(), p.exportCommand(), p.trustCommand(), p.convertCommand(), p.cleanupCommand(), p.versionCommand(),
		p.postRenderCommand(), p.functionCommand(), p.legacyCommand(),
	)
	offerNoFiles(root)
	return root
}

// flagError is what a flag that is not known leads to. A legacy kustomize plugin
// has no flags: what looks like one came from the scenario's argsOneLiner.
func (p *program) flagError(cmd *cobra.Command, err error) error {
	if !cmd.HasParent() && p.calledAsLegacyPlugin() {
		return errLegacyArguments
	}
	return usagef("%w", err)
}

// noArguments is cobra.NoArgs as a usage error.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("unexpected argument %q; files are given with flags", args[0])
}

// unknownCommand suggests what may have been meant.
func unknownCommand(cmd *cobra.Command, arg string) error {
	cmd.SuggestionsMinimumDistance = 2
	if similar := cmd.SuggestionsFor(arg); len(similar) > 0 {
		return usagef("unknown command %q; did you mean %s?", arg, strings.Join(similar, " or "))
	}
	return usagef("unknown command %q", arg)
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

// String implements pflag.Value.
func (c *choice) String() string { return c.value }

// Type implements pflag.Value.
func (c *choice) Type() string { return "word" }

// Set implements pflag.Value.
func (c *choice) Set(value string) error {
	if slices.Contains(c.allowed, value) {
		c.value = value
		return nil
	}
	return fmt.Errorf("expected %s", oneOf(c.allowed))
}

func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// longWords are those that do not fit beside a flag's name and default.
const longWords = 24

// addChoice adds such a flag; the first of the words is the default.
func addChoice(cmd *cobra.Command, name, usage string, allowed ...string) *choice {
	c := &choice{value: allowed[0], allowed: allowed}
	words := ": " + oneOf(allowed)
	if len(words) > longWords {
		words = ":\n" + oneOf(allowed)
	}
	cmd.Flags().Var(c, name, usage+words)
	// The error is for flags that do not exist or are registered twice.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// scenarioFlags say which scenario is meant, for which namespace.
type scenarioFlags struct {
	settingsFlags
	files     []string
	namespace string
}

func (f *scenarioFlags) register(flags *pflag.FlagSet) {
	// Not a list by commas: they may stand in a file's name.
	flags.StringArrayVarP(&f.files, "scenario", "s", nil, "scenario `FILE`; of several, later ones win\n(default: "+scenarioEnv+")")
	completeScenario(flags)
	f.settingsFlags.register(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "release `NAMESPACE` where manifests have none")
}

// renderFlags are those of post-render, which the program takes without a
// command too, because Helm 3 can be given one word as a post-renderer.
type renderFlags struct {
	scenarioFlags
	allowEmpty, quiet bool
}

func (f *renderFlags) register(flags *pflag.FlagSet) {
	f.scenarioFlags.register(flags)
	flags.BoolVar(&f.allowEmpty, "allow-empty", false, "pass empty input on instead of failing")
	registerQuiet(flags, &f.quiet)
}

func registerQuiet(flags *pflag.FlagSet, quiet *bool) {
	flags.BoolVarP(quiet, "quiet", "q", false, "report no changes and warnings on stderr")
}
