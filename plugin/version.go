package plugin

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// What a release's build sets:
//
//	go build -ldflags "-X github.com/connected-registry/scenario/plugin.Version=v1.2.3"
//
// If they are empty, they are what the Go toolchain recorded.
var (
	// Version is the program's, such as v1.2.3.
	Version string
	// Commit is what it was built from.
	Commit string
	// Date is the commit's, in RFC 3339.
	Date string
)

const unknownVersion = "devel"

func version() string { return buildOf().Version }

// build says what the program was built from.
type build struct {
	Version  string          `json:"version"`
	Commit   string          `json:"commit,omitempty"`
	Date     string          `json:"date,omitempty"`
	Go       string          `json:"go"`
	Platform string          `json:"platform"`
	Modules  []moduleOfBuild `json:"modules"`
}

type moduleOfBuild struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

func buildOf() build {
	b := build{Version: Version, Commit: Commit, Date: Date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Modules: []moduleOfBuild{}}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.record(info)
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = unknownVersion
	}
	return b
}

// record adds what the toolchain recorded.
func (b *build) record(info *debug.BuildInfo) {
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision" && b.Commit == "":
			b.Commit = setting.Value
		case setting.Key == "vcs.time" && b.Date == "":
			b.Date = setting.Value
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Modules = append(b.Modules, moduleOfBuild{m.Path, m.Version})
	}
}

func (p *program) versionCommand() *cobra.Command {
	var output *choice
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version; as JSON, with the commit, its date, and the Go modules.",
		Example: "  " + name + " version\n  " + name + " version --output json",
		GroupID: groupPeople,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			text := name + " version " + version() + "\n"
			if output.value == "json" {
				encoded, err := json.MarshalIndent(buildOf(), "", "  ")
				if err != nil {
					return err
				}
				text = string(encoded) + "\n"
			}
			return p.write(strings.NewReader(text))
		},
	}
	output = addChoice(cmd, "output", "`FORMAT`", "text", "json")
	return cmd
}
