package plugin

import (
	"fmt"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
)

// options is what a run of the transformers takes from here.
func (p *program) options(namespace string) transformers.Options {
	return transformers.Options{Now: p.Now(), Version: version(), Namespace: namespace}
}

const onlyHooksWarning = "warning: the stream holds Helm hooks only; it is passed on unchanged"

// tell reports on stderr what was done.
func (p *program) tell(report *transformers.Report, overrides []scenario.Override) {
	for _, o := range overrides {
		p.tellLine(overrideLine(o))
	}
	for _, change := range report.Changes {
		p.tellLine(change.String())
	}
	for _, warning := range report.Warnings {
		p.tellLine(warning.String())
	}
}

// tellLine writes a line to stderr. There is nobody to tell when that fails.
func (p *program) tellLine(line string) {
	_, _ = fmt.Fprintln(p.Err, printable(scrub(line)))
}

func overrideLine(o scenario.Override) string {
	return fmt.Sprintf("%s: %s replaces %s", o.Path, o.To, o.From)
}
