package plugin

import (
	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

const legacyHelp = `Act as a legacy kustomize exec plugin: the scenario is in the file that
kustomize gives as the first argument (or in ` + legacyConfigEnv + `),
stdin is a stream of manifests, and crtFile, keyFile and caCrtFile are relative
to the kustomization (` + legacyRootEnv + `).

kustomize needs --enable-alpha-plugins to run it.`

// errLegacyArguments is for what kustomize appends to the configuration's path.
var errLegacyArguments = usageError{codes.Errorf(codes.ScenarioArguments, "a scenario takes no arguments; remove argsOneLiner and argsFromFile from it")}

func (p *program) legacyCommand() *cobra.Command {
	var flags renderFlags
	cmd := &cobra.Command{
		Use:     "kustomize-plugin [CONFIG]",
		Short:   "Patch a stream of manifests as a legacy kustomize plugin",
		Long:    legacyHelp,
		Example: "  kustomize build --enable-alpha-plugins .",
		GroupID: groupHosts,
		Hidden:  true, // kustomize calls the program without a command
		RunE: func(_ *cobra.Command, args []string) error {
			input, err := p.readStdin()
			if err != nil {
				return err
			}
			return p.runLegacy(args, input, flags)
		},
	}
	registerQuiet(cmd.Flags(), &flags.quiet)
	return cmd
}

func (p *program) runLegacy(args []string, input []byte, flags renderFlags) error {
	if len(args) > 1 {
		return errLegacyArguments
	}
	config, err := p.legacyConfig(args)
	if err != nil {
		return err
	}
	layer, err := p.decodeLegacy(config)
	if err != nil {
		return withoutLines(err)
	}
	set, err := resource.ParseStream(input)
	if err != nil {
		return err
	}
	return withoutLines(p.patch(set, layer, nil, flags))
}

// legacyConfig prefers the file: kustomize leaves the variable out when the
// configuration is larger than 128 KiB.
func (p *program) legacyConfig(args []string) ([]byte, error) {
	if len(args) == 0 {
		if config := p.env(legacyConfigEnv); config != "" {
			return []byte(config), nil
		}
		return nil, usageError{codes.Errorf(codes.NoScenario, "there is no scenario: neither a file as the first argument nor %s in the environment", legacyConfigEnv)}
	}
	config, err := p.ReadFile(args[0])
	if err != nil {
		return nil, p.cannotRead("plugin's configuration", args[0], err)
	}
	return config, nil
}

func (p *program) decodeLegacy(config []byte) (*scenario.Layer, error) {
	layer, err := scenario.Decode("the transformer's configuration", config)
	if err != nil {
		return nil, err
	}
	root := p.env(legacyRootEnv)
	if root == "" {
		root = "."
	}
	return layer, layer.Resolve(p.readFrom(root))
}
