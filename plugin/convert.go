package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

const convertHelp = `Make a scenario file of a command line of the connected registry's documentation:
az k8s-extension create or update, or helm upgrade, install or template. It is
read from stdin, from FILE, or from what follows "--", and forgiven what a copy
from a web page brings along. Settings files do as well.

The scenario file goes to stdout. stderr says what of the command is not in it,
and why: where in Azure the extension is, which version it has, and secrets,
which a scenario file never holds.`

const convertExamples = `  # paste the command, then press Ctrl-D
  ` + name + ` convert > site.yaml

  ` + name + ` convert -- az k8s-extension create \
    --name edge --config service.clusterIP=192.100.100.1

  ` + name + ` convert --config-protected-file protected.json`

// convertFlags are convert's own.
type convertFlags struct {
	settingsFlags
	settingsFiles []string
	name          string
}

func (p *program) convertCommand() *cobra.Command {
	var flags convertFlags
	cmd := &cobra.Command{
		Use:     "convert [FILE|-] [-- COMMAND …]",
		Short:   "Make a scenario of an az or helm command line",
		Long:    convertHelp,
		Example: convertExamples,
		GroupID: groupPeople,
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := p.readCommand(cmd, args, flags)
			if err != nil {
				return err
			}
			return p.runConvert(given, flags)
		},
	}
	flags.register(cmd.Flags())
	cmd.Flags().StringArrayVar(&flags.settingsFiles, "config-file", nil, "JSON `FILE` of settings, as for az")
	cmd.Flags().StringVar(&flags.name, "name", "", "the scenario's `NAME` (default: the extension's)")
	return cmd
}

// readCommand finds the command line where it was given. With settings by flags
// there need not be one.
func (p *program) readCommand(cmd *cobra.Command, args []string, flags convertFlags) (*pasted, error) {
	given := &pasted{source: "settings"}
	var err error
	switch dash := cmd.ArgsLenAtDash(); {
	case dash > 0:
		return nil, usagef("a file and a command are given; leave one out")
	case dash == 0:
		var words []shellWord
		for _, arg := range args {
			words = append(words, shellWord{text: arg, line: 1})
		}
		given, err = parseCommand(words)
	case len(args) > 1:
		return nil, usagef("%d files are given, expected one at most; a command goes after --", len(args))
	case len(args) == 0 && (flags.any() || len(flags.settingsFiles) > 0):
	default:
		var text []byte
		if text, err = p.readPasted(append(args, "-")[0]); err == nil {
			given, err = parseCommand(wordsOf(string(text)))
		}
	}
	if err != nil {
		return nil, err
	}
	for _, text := range flags.settings {
		given.given = append(given.given, pair{option: "--config", text: text})
	}
	for _, file := range flags.settingsFiles {
		given.files = append(given.files, fileGiven{path: file, required: true})
	}
	for _, file := range flags.protected {
		given.files = append(given.files, fileGiven{path: file, protected: true, required: true})
	}
	return given, nil
}

func (p *program) readPasted(file string) ([]byte, error) {
	if file != "-" {
		text, err := p.ReadFile(file)
		if err != nil {
			return nil, p.cannotRead("command", file, err)
		}
		return text, nil
	}
	if p.IsTerminal(p.In) {
		p.tellLine("Paste the command, then press Ctrl-D.")
	}
	text, err := read(p.In)
	if err != nil {
		return nil, codes.Errorf(codes.StreamFailed, "cannot read stdin: %w", err)
	}
	return text, nil
}

// conversion is a command line on its way to a scenario.
type conversion struct {
	*pasted
	program  *program
	settings []scenario.Setting
	// secrets are where each secret came from, by setting.
	secrets  map[string]origin
	unread   []string // protected files that could not be read
	warnings []string
}

// origin is where a secret stands: in a file, in a variable, or on the command line.
type origin struct{ file, variable string }

func (p *program) runConvert(given *pasted, flags convertFlags) error {
	c := &conversion{pasted: given, program: p, secrets: map[string]origin{}}
	var problems []error
	for _, pair := range given.given {
		problems = append(problems, c.pair(pair))
	}
	for _, file := range given.files {
		problems = append(problems, c.file(file))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	layer, err := scenario.NewSettings(given.source, c.settings, true)
	if err != nil {
		return err
	}
	for _, note := range layer.Notes() {
		c.warnings = append(c.warnings, codes.Tag(note.Message, note.Code))
	}
	c.finish(&layer.Scenario, flags)
	if err := layer.Validate(); err != nil {
		return err
	}
	text, err := layer.Scenario.YAML()
	if err != nil {
		return err
	}
	if err := p.write(bytes.NewReader(text)); err != nil {
		return err
	}
	c.tell()
	return nil
}

// pair understands one key=value.
func (c *conversion) pair(given pair) error {
	text := strings.TrimSpace(c.repaired(given))
	setting, err := scenario.ParseSetting(text)
	if err != nil {
		return err
	}
	if _, _, _, ok := scenario.CanonicalSetting(setting.Key); !ok && given.isHelm() {
		c.drop(given.option, setting.Key, forHelm)
		return nil
	}
	from := origin{}
	if given.fromFile {
		from.file = setting.Value
	} else if scenario.IsPlaceholder(setting.Value) {
		from.variable = setting.Value
	}
	if given.option == "--config" && !given.protected {
		if key, secret, _, _ := scenario.CanonicalSetting(setting.Key); secret {
			c.warn("%s stands after --config, where Azure keeps and shows it in clear; use --config-protected-file", key)
		}
	}
	return c.setting(setting, from)
}

func (p pair) isHelm() bool { return strings.HasPrefix(p.option, "--set") }

// repaired is a setting without what the documentation has wrong: a second "=", and
// a hyphen for a dot. az takes both, and then they have no effect, or another.
func (c *conversion) repaired(given pair) string {
	key, value, _ := strings.Cut(given.text, "=")
	fixed, doubled := strings.CutPrefix(value, "=")
	if doubled {
		c.warn("%s== is taken as %s=", key, key)
	}
	if _, _, _, ok := scenario.CanonicalSetting(key); !ok {
		if meant := scenario.SuggestSetting(key); isTypo(key, meant) {
			c.warn("%s is taken as %s; az accepts the former, and the chart ignores it", key, meant)
			key, doubled = meant, true
		}
	}
	if !doubled {
		return given.text
	}
	return key + "=" + fixed
}

// isTypo holds for what documentation has: a hyphen in place of the first dot.
func isTypo(key, meant string) bool { return strings.Replace(key, "-", ".", 1) == meant }

// setting keeps a setting for the scenario, or says why it is not in it.
func (c *conversion) setting(s scenario.Setting, from origin) error {
	key, secret, chartOnly, known := scenario.CanonicalSetting(s.Key)
	switch {
	case chartOnly:
		shown := key
		if !secret {
			shown = key + "=" + s.Value
		}
		c.dropped = append(c.dropped, droppedWord{shown, "they are values of the chart; go on giving them to it"})
	case secret:
		if s.Value == "" {
			return codes.Errorf(codes.EmptyValue, "%s is empty; a variable that was not set, perhaps; set it, or leave the setting out", key)
		}
		if key == "connectionString" && !scenario.IsPlaceholder(s.Value) && from.file == "" {
			if _, err := scenario.ParseConnectionString(s.Value); err != nil {
				return inConnectionString(err)
			}
		}
		c.secrets[key] = from
	case known && scenario.IsPlaceholder(s.Value):
		c.warn("%s is %s, which stands for a value; it is left out, so write it into the file", key, s.Value)
	default:
		c.settings = append(c.settings, s)
	}
	return nil
}

// inConnectionString names the setting in each of a connection string's errors.
func inConnectionString(err error) error {
	var all []error
	for _, leaf := range codes.Leaves(err) {
		if e, ok := errors.AsType[scenario.Error](leaf); ok {
			e.Path = "connectionString"
			leaf = e
		}
		all = append(all, leaf)
	}
	return errors.Join(all...)
}

func (c *conversion) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// file reads a settings file, where it is there: a command that was pasted names
// files of another machine.
func (c *conversion) file(file fileGiven) error {
	if !file.required {
		if _, err := c.program.ReadFile(file.path); err != nil {
			c.unread = append(c.unread, file.path)
			return nil
		}
	}
	settings, err := c.program.readSettings(file.path)
	if err != nil {
		return err
	}
	var problems []error
	for _, s := range settings {
		problems = append(problems, c.setting(s, origin{file: file.path}))
	}
	return errors.Join(problems...)
}

// finish states what the settings mean beyond their words.
func (c *conversion) finish(s *scenario.Scenario, flags convertFlags) {
	s.Metadata.Name = c.scenarioName(flags.name)
	if c.space != "" && !scenario.IsPlaceholder(c.space) {
		s.Metadata.Namespace = c.space
	}
	spec := &s.Spec
	if _, crt := c.secrets["tls.crt"]; crt {
		spec.TLS = &scenario.TLS{CrtFile: new("tls.crt"), KeyFile: new("tls.key")}
		if _, ca := c.secrets["tls.cacrt"]; ca {
			spec.TLS.CaCrtFile = new("ca.crt")
		}
	}
	trust := spec.TrustDistribution
	if spec.HTTPEnabled != nil && *spec.HTTPEnabled && trust != nil && trust.Enabled != nil && *trust.Enabled {
		spec.TrustDistribution = &scenario.TrustDistribution{Enabled: new(false)}
		c.warnings = slices.DeleteFunc(c.warnings, func(w string) bool { return strings.Contains(w, "NodeSelector") })
		c.warn("trustDistribution.enabled=true is written as false: plain HTTP has no certificate that nodes could be told to trust")
	}
	noCertificate := spec.CertManager != nil && spec.CertManager.Enabled != nil && !*spec.CertManager.Enabled && spec.TLS == nil
	if noCertificate && (spec.HTTPEnabled == nil || !*spec.HTTPEnabled) {
		c.warnNoCertificate(spec)
	}
}

func (c *conversion) warnNoCertificate(spec *scenario.Spec) {
	const way = "give --config-protected-file beside the scenario, or write spec.tls"
	if spec.HTTPEnabled != nil {
		c.warn("httpEnabled=false serves HTTPS, although the documentation of July 2024 shows it for HTTP without TLS; write httpEnabled: true if that is meant")
	}
	c.warn("nothing in the file provides a certificate, and certManager.enabled is false; %s", way)
}

// scenarioName is the one that was asked for, else the extension's, where that is a
// name for a scenario.
func (c *conversion) scenarioName(asked string) string {
	if asked != "" {
		return asked
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(c.name))
	name = strings.Trim(name[:min(len(name), 63)], "-")
	if name == "" || scenario.IsPlaceholder(c.name) {
		return scenario.SettingsName
	}
	return name
}

// tell says on stderr what is not in the file.
func (c *conversion) tell() {
	say := c.program.tellLine
	for _, note := range c.notes {
		say("note: " + note)
	}
	if len(c.settings)+len(c.secrets) == 0 {
		say("note: the command states no setting that a scenario has, so the file changes nothing")
	}
	var reasons []string
	words := map[string][]string{}
	for _, d := range c.dropped {
		if words[d.why] == nil {
			reasons = append(reasons, d.why)
		}
		words[d.why] = append(words[d.why], d.shown)
	}
	for _, why := range reasons {
		say("dropped: " + strings.Join(words[why], ", ") + ": " + why)
	}
	for _, key := range []string{"connectionString", "tls.crt", "tls.key", "tls.cacrt"} {
		if from, ok := c.secrets[key]; ok {
			say("secret: " + key + " is not in the file; " + from.way(key))
		}
	}
	for _, file := range c.unread {
		say("not read: " + file + ": what it states is not in the scenario; give it with --config-protected-file wherever the scenario is used")
	}
	for _, warning := range c.warnings {
		say("warning: " + warning)
	}
}

// secretFiles are where the scenario expects what was a secret setting.
var secretFiles = map[string]string{"tls.crt": "tls.crt", "tls.key": "tls.key", "tls.cacrt": "ca.crt"}

// way says how a secret gets to where it belongs.
func (o origin) way(key string) string {
	if key == "connectionString" {
		if o.file != "" {
			return "the chart takes it as a value, or give --config-protected-file " + o.file + " beside the scenario"
		}
		return "the chart takes it as a value, or give a file that holds it with --config-protected-file beside the scenario"
	}
	to := " | base64 -d > " + secretFiles[key]
	nested := "." + key
	switch {
	case strings.HasPrefix(o.variable, "$") && !strings.ContainsAny(o.variable, "(`\""):
		return `run echo "` + o.variable + `"` + to
	case strings.HasSuffix(o.file, ".json"):
		return fmt.Sprintf(`run jq -r '."%s" // %s' %s%s`, key, nested, o.file, to)
	case o.file != "":
		return "run base64 -d " + o.file + " > " + secretFiles[key]
	}
	return "decode it with base64 -d into " + secretFiles[key]
}
