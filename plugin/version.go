package plugin

import (
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Version is set when a release is built:
//
//	go build -ldflags "-X github.com/connected-registry/scenario/plugin.Version=v1.2.3"
//
// Empty, the version is the one that the Go toolchain recorded.
var Version string

const unknownVersion = "devel"

func version() string {
	if Version != "" {
		return Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return unknownVersion
	}
	return info.Main.Version
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  " + name + " version",
		GroupID: groupPeople,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return p.write(strings.NewReader(name + " version " + version() + "\n"))
		},
	}
}
