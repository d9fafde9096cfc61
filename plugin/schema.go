package plugin

import (
	"bytes"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/scenario"
)

const schemaHelp = `Print the JSON Schema (draft 2020-12) of a scenario file. With it an editor
completes fields, explains them and underlines what is wrong.

For editors with the YAML language server, the first line of a scenario file
names the file that the schema was written to:

  # yaml-language-server: $schema=./connected-registry-scenario.json

The schema judges one file by itself and without a render; check says more. It
refuses a field without a value, which a scenario may have.`

const schemaExamples = `  ` + name + ` schema >connected-registry-scenario.json`

func (p *program) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of a scenario file, for editors",
		Long:    schemaHelp,
		Example: schemaExamples,
		GroupID: groupPeople,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			schema, err := scenario.Schema()
			if err != nil {
				return err
			}
			return p.write(bytes.NewReader(schema))
		},
	}
}
