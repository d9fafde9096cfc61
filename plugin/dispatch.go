package plugin

import (
	"bytes"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/internal/lazyregexp"
)

const (
	legacyConfigEnv = "KUSTOMIZE_PLUGIN_CONFIG_STRING"
	legacyRootEnv   = "KUSTOMIZE_PLUGIN_CONFIG_ROOT"
	helmPluginEnv   = "HELM_PLUGIN_NAME"
)

// dispatch finds out who called the program without saying what to do. Helm and
// kustomize cannot all be told to pass a command.
func (p *program) dispatch(cmd *cobra.Command, args []string, flags renderFlags) error {
	legacy := p.calledAsLegacyPlugin()
	if legacy && flags.given() {
		return usagef("%s is set, as for a kustomize plugin, and --scenario or --config is given, as for a Helm post-renderer; "+
			"say which it is with the command kustomize-plugin or post-render", p.legacyVariable())
	}
	if !legacy && len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	if !legacy && p.IsTerminal(p.In) && !p.hasScenario(flags) {
		return p.helpForNobody(cmd)
	}
	input, err := p.readStdin()
	if err != nil {
		return err
	}
	switch list := isResourceList(input); {
	case legacy && list:
		return usagef("%s is set, as for a legacy kustomize plugin, and stdin is a ResourceList, as for a KRM function; "+
			"say which it is with the command kustomize-plugin or function", p.legacyVariable())
	case legacy:
		return p.runLegacy(args, input, flags)
	case list:
		return p.runFunction(input, flags)
	case len(input) == 0 && !p.hasScenario(flags) && p.env(helmPluginEnv) == "":
		return p.helpForNobody(cmd)
	}
	return p.runPostRender(input, flags)
}

// helpForNobody is for a call that says nothing of what is wanted.
func (p *program) helpForNobody(cmd *cobra.Command) error {
	cmd.SetOut(p.Err)
	_ = cmd.Help()
	return exitError(exitUsage)
}

func (p *program) calledAsLegacyPlugin() bool { return p.legacyVariable() != "" }

// legacyVariable is the variable by which a legacy kustomize plugin is known.
func (p *program) legacyVariable() string {
	for _, name := range []string{legacyRootEnv, legacyConfigEnv} {
		if p.env(name) != "" {
			return name
		}
	}
	return ""
}

// headSize is how much of the input is looked at for what it is.
const headSize = 4 << 10

var (
	listVersion = lazyregexp.New(`(?m)^(?:---[ \t]+)?["']?apiVersion["']?[ \t]*:[ \t]*["']?config\.kubernetes\.io/`)
	listKind    = lazyregexp.New(`(?m)^(?:---[ \t]+)?["']?kind["']?[ \t]*:[ \t]*["']?([A-Za-z]+)`)
	separator   = lazyregexp.New(`(?m)^---`)

	// A ResourceList in JSON may stand on one line.
	flowVersion = lazyregexp.New(`"apiVersion"\s*:\s*"config\.kubernetes\.io/`)
	flowKind    = lazyregexp.New(`"kind"\s*:\s*"ResourceList"`)
)

// isResourceList looks at the beginning of the first document only. An encoder
// that sorts keys writes kind last, beyond what is looked at; the API group alone
// is a sure sign then, as nothing that a cluster takes has it.
func isResourceList(input []byte) bool {
	head := bytes.TrimPrefix(input[:min(len(input), headSize)], []byte("\ufeff"))
	head = bytes.TrimLeft(head, " \t\r\n")
	if bytes.HasPrefix(head, []byte("{")) {
		return flowVersion().Match(head) || flowKind().Match(head)
	}
	head = firstDocument(head)
	if kind := listKind().FindSubmatch(head); kind != nil {
		return string(kind[1]) == "ResourceList"
	}
	return listVersion().Match(head)
}

// firstDocument cuts head off at the second document that has content.
func firstDocument(head []byte) []byte {
	for _, at := range separator().FindAllIndex(head, -1) {
		if len(withoutComments(head[:at[0]])) > 0 {
			return head[:at[0]]
		}
	}
	return head
}

// withoutComments leaves what is neither comment, separator nor blank.
func withoutComments(text []byte) []byte {
	var content []byte
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			content = append(content, line...)
		}
	}
	return content
}
