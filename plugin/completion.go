package plugin

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

// completeScenario makes shells offer the files that may be scenarios.
func completeScenario(flags *pflag.FlagSet) {
	// The error is for flags that do not exist.
	_ = cobra.MarkFlagFilename(flags, "scenario", "yaml", "yml", "json")
}

// offerNoFiles keeps shells from offering files to the commands that take no
// argument: a command that refuses one has none to complete.
func offerNoFiles(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.ValidArgsFunction == nil && cmd.Args != nil && cmd.Args(cmd, []string{"argument"}) != nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		offerNoFiles(cmd)
	}
}

// completeField offers the fields that explain knows, a level at a time: the shell
// adds no space, so that one goes on with a dot. What begins no field may be a code.
func completeField(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveKeepOrder
	if len(args) > 0 {
		return nil, directive
	}
	parent := scenario.Describe()
	for {
		next := -1
		for i, f := range parent.Fields {
			if strings.HasPrefix(begun, f.Path+".") {
				next = i
			}
		}
		if next < 0 {
			break
		}
		parent = parent.Fields[next]
	}
	var offers []string
	for _, f := range parent.Fields {
		if strings.HasPrefix(f.Path, begun) {
			offers = append(offers, cobra.CompletionWithDesc(f.Path, firstSentence(f.Description)))
		}
	}
	if len(offers) == 0 && begun != "" && !strings.Contains(begun, ".") {
		return completeCode(begun), cobra.ShellCompDirectiveNoFileComp
	}
	return offers, directive
}

// completeCode offers the codes that begin so.
func completeCode(begun string) []string {
	var offers []string
	for _, e := range codes.All() {
		if strings.HasPrefix(e.Code.String(), begun) {
			offers = append(offers, cobra.CompletionWithDesc(e.Code.String(), firstSentence(e.Cause)))
		}
	}
	return offers
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}
