package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

// extensionType is the connected registry's, in any letter case.
const extensionType = "Microsoft.ContainerRegistry.ConnectedRegistry"

// meaning is what an option of az or helm has to say to a scenario.
type meaning int

const (
	dropped meaning = iota
	settings
	protectedSettings
	settingsFile
	protectedFile
	instanceName
	releaseNamespace
	typeName
	chartValue
	chartValueFile
)

// option is one of az's or helm's.
type option struct {
	names   string // parted by blanks
	takes   int    // words that follow: none, one, or (many) all up to the next option
	meaning meaning
	why     string // why it is dropped
}

const many = -1

const (
	whereInAzure = "they say where the extension is in Azure"
	whichVersion = "they choose the chart's version; give helm --version"
	howItRuns    = "they say how the command runs"
	forHelm      = "they are helm's; go on giving them to helm"
)

// azOptions are those of `az k8s-extension create` and `update`, with the spellings
// that are deprecated. Source: azure-cli-extensions src/k8s-extension/
// azext_k8s_extension/_params.py; the rest are az's own global ones.
var azOptions = []option{
	{"--configuration-settings --config --config-settings", many, settings, ""},
	{"--config-protected-settings --config-protected --configuration-protected-settings", many, protectedSettings, ""},
	{"--config-settings-file --config-file --configuration-settings-file", 1, settingsFile, ""},
	{"--config-protected-settings-file --config-protected-file --configuration-protected-settings-file", 1, protectedFile, ""},
	{"--name -n", 1, instanceName, ""},
	{"--release-namespace --target-namespace", 1, releaseNamespace, ""},
	{"--extension-type", 1, typeName, ""},
	{"--cluster-name -c", 1, dropped, whereInAzure},
	{"--cluster-type -t", 1, dropped, whereInAzure},
	{"--cluster-resource-provider --cluster-rp", 1, dropped, whereInAzure},
	{"--resource-group -g", 1, dropped, whereInAzure},
	{"--subscription", 1, dropped, whereInAzure},
	{"--location -l", 1, dropped, whereInAzure},
	{"--scope", 1, dropped, whereInAzure},
	{"--plan-name --plan-product --plan-publisher", 1, dropped, whereInAzure},
	{"--version", 1, dropped, whichVersion},
	{"--release-train", 1, dropped, whichVersion},
	{"--auto-upgrade-minor-version --auto-upgrade", 1, dropped, whichVersion},
	{"--output -o", 1, dropped, howItRuns},
	{"--query", 1, dropped, howItRuns},
	{"--no-wait --yes -y --debug --verbose --only-show-errors --help -h", 0, dropped, howItRuns},
}

// helmOptions are those of `helm upgrade`, `install` and `template` that take a
// word; of the others only that they take none matters.
var helmOptions = []option{
	{"--set --set-string --set-literal", 1, chartValue, ""},
	{"--set-file", 1, chartValueFile, ""},
	{"--namespace -n", 1, releaseNamespace, ""},
	{"--version", 1, dropped, forHelm},
	{"--values -f --set-json", 1, dropped, forHelm},
	{"--timeout --kube-context --kubeconfig --repo --username --password --ca-file --cert-file --key-file --keyring " +
		"--description --history-max --post-renderer --post-renderer-args --output -o --labels --output-dir --api-versions --kube-version", 1, dropped, forHelm},
}

func findOption(options []option, name string) (option, bool) {
	i := slices.IndexFunc(options, func(o option) bool { return slices.Contains(strings.Fields(o.names), name) })
	if i < 0 {
		return option{}, false
	}
	return options[i], true
}

// pasted is a command line, understood.
type pasted struct {
	source  string // "az k8s-extension create", for messages
	name    string
	space   string
	given   []pair
	files   []fileGiven
	dropped []droppedWord
	notes   []string
}

// pair is a key=value and the option that it was given to.
type pair struct {
	option, text string
	protected    bool
	// fromFile says that the value is the path of a file that holds it.
	fromFile bool
}

// fileGiven is a settings file.
type fileGiven struct {
	path      string
	protected bool
	// required says that it must be there: it was given to us, and not to az.
	required bool
}

type droppedWord struct{ shown, why string }

// parseCommand finds the one command that a scenario can be made of.
func parseCommand(words []shellWord) (*pasted, error) {
	var starts []int
	for i := range words {
		if _, _, ok := commandAt(words, i); ok {
			starts = append(starts, i)
		}
	}
	switch len(starts) {
	case 0:
		return nil, codes.Errorf(codes.CommandUnknown, "found neither az k8s-extension create or update nor helm upgrade, install or template; paste such a command, whole")
	case 1:
	default:
		return nil, codes.Errorf(codes.CommandUnknown, "found %d commands, on the lines %s; paste one of them", len(starts), linesOf(words, starts))
	}
	length, options, _ := commandAt(words, starts[0])
	p := &pasted{source: spell(words[starts[0] : starts[0]+length])}
	rest := p.upToTheEnd(words[starts[0]+length:])
	return p, p.parse(rest, options)
}

func linesOf(words []shellWord, at []int) string {
	var lines []string
	for _, i := range at {
		lines = append(lines, fmt.Sprint(words[i].line))
	}
	return strings.Join(lines, ", ")
}

func spell(words []shellWord) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, w.text)
	}
	return strings.Join(texts, " ")
}

// commandAt says whether a command begins with a word, how many words name it, and
// what its options are.
func commandAt(words []shellWord, i int) (length int, options []option, ok bool) {
	at := func(n int) string {
		if i+n < len(words) {
			return words[i+n].text
		}
		return ""
	}
	switch {
	case at(0) == "az" && at(1) == "k8s-extension" && (at(2) == "create" || at(2) == "update"):
		return 3, azOptions, true
	case at(0) == "helm" && slices.Contains([]string{"upgrade", "install", "template"}, at(1)):
		return 2, helmOptions, true
	}
	return 0, nil, false
}

// upToTheEnd cuts off what follows the command. A line that begins with an option
// or a setting belongs to it, even if the line before lacks its continuation.
func (p *pasted) upToTheEnd(words []shellWord) []shellWord {
	for i, w := range words {
		if slices.Contains([]string{"|", "||", "&", "&&", ";", ">", ">>", "EOF"}, w.text) {
			p.note("what follows %s on line %d is not looked at", w.text, w.line)
			return words[:i]
		}
		if !w.first {
			continue
		}
		key, _, _ := strings.Cut(w.text, "=")
		_, _, _, setting := scenario.CanonicalSetting(key)
		if !strings.HasPrefix(w.text, "-") && !setting {
			p.note("what follows from line %d on is not looked at", w.line)
			return words[:i]
		}
		p.note("line %d is taken as part of the command, although the line before does not say that it goes on", w.line)
	}
	return words
}

func (p *pasted) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

func isOption(text string) bool { return len(text) > 1 && text[0] == '-' }

// parse takes options with their values, and arguments.
func (p *pasted) parse(words []shellWord, options []option) error {
	var arguments []string
	for len(words) > 0 {
		text := words[0].text
		words = words[1:]
		if !isOption(text) {
			arguments = append(arguments, text)
			continue
		}
		name, value, attached := strings.Cut(text, "=")
		o, known := findOption(options, name)
		var values []string
		switch {
		case attached:
			values = []string{value}
		case o.takes == 1 && len(words) > 0 && !isOption(words[0].text):
			values, words = []string{words[0].text}, words[1:]
		}
		for o.takes == many && len(words) > 0 && !isOption(words[0].text) {
			values, words = append(values, words[0].text), words[1:]
		}
		if err := p.option(o, known, name, values); err != nil {
			return err
		}
	}
	return p.arguments(arguments)
}

func (p *pasted) option(o option, known bool, name string, values []string) error {
	if !known {
		o.why = "they are not known here; check their spelling"
		if strings.HasPrefix(p.source, "helm") {
			o.why = forHelm
		}
	}
	if known && o.takes != 0 && len(values) == 0 {
		return codes.Errorf(codes.EmptyValue, "%s has no value; write one after it", name)
	}
	for _, value := range values {
		switch o.meaning {
		case settings, protectedSettings:
			p.given = append(p.given, pair{option: name, text: value, protected: o.meaning == protectedSettings})
		case chartValue, chartValueFile:
			for _, text := range splitSet(value) {
				p.given = append(p.given, pair{option: name, text: text, protected: true, fromFile: o.meaning == chartValueFile})
			}
		case settingsFile, protectedFile:
			p.files = append(p.files, fileGiven{path: value, protected: o.meaning == protectedFile})
		case instanceName:
			p.name = value
		case releaseNamespace:
			p.space = value
		case typeName:
			if !strings.EqualFold(value, extensionType) {
				return codes.Errorf(codes.CommandUnknown, "the command is for the extension %s, expected %s", printable(scrub(value)), extensionType)
			}
			p.drop(name, "", whereInAzure)
		case dropped:
			p.drop(name, value, o.why)
		}
	}
	if len(values) == 0 {
		p.drop(name, "", o.why)
	}
	return nil
}

func (p *pasted) drop(name, value, why string) {
	// What helm is told may be a secret: --set-json, --password.
	if value != "" && why != forHelm {
		name += " " + value
	}
	p.dropped = append(p.dropped, droppedWord{name, why})
}

// arguments are the words that belong to no option: helm's release and chart.
func (p *pasted) arguments(words []string) error {
	if strings.HasPrefix(p.source, "helm") {
		if len(words) > 0 && len(words) <= 2 {
			p.name = words[0]
		}
		return nil
	}
	for _, text := range words {
		key, _, _ := strings.Cut(text, "=")
		if _, _, _, ok := scenario.CanonicalSetting(key); ok {
			p.note("%s is taken as a setting, although no --config stands before it", key)
			p.given = append(p.given, pair{option: "--config", text: text})
			continue
		}
		p.note("a word of %d characters that belongs to no option is left out", len([]rune(text)))
	}
	return nil
}

// splitSet parts what helm's --set takes: a=b,c=d, where "\," is a comma. Source:
// helm.sh/helm/v3/pkg/strvals.
func splitSet(text string) []string {
	var parts []string
	var part strings.Builder
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			part.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ',':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteRune(r)
		}
	}
	return append(parts, part.String())
}
