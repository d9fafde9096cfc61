package plugin

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
)

// settingsFlags are the flags of `az k8s-extension create` that say how a registry
// is to be secured. They are a layer on top of the scenario files, or all of it.
type settingsFlags struct {
	settings  []string
	protected []string
}

func (f *settingsFlags) register(flags *pflag.FlagSet) {
	// Not a list by commas, as az has none.
	flags.StringArrayVar(&f.settings, "config", nil, "setting `KEY=VALUE`, as az takes it")
	flags.StringArrayVar(&f.protected, "config-protected-file", nil, "JSON `FILE` of protected settings, as for az")
}

func (f settingsFlags) any() bool { return len(f.settings)+len(f.protected) > 0 }

// loadSettings makes a layer of the settings, and one of each file of protected
// ones, which come last as they do with az.
func (p *program) loadSettings(flags settingsFlags) ([]*scenario.Layer, error) {
	var layers []*scenario.Layer
	var problems []error
	if len(flags.settings) > 0 {
		layer, err := settingsLayer(flags.settings)
		layers, problems = append(layers, layer), append(problems, err)
	}
	for _, file := range flags.protected {
		layer, err := p.loadSettingsFile(file, true)
		layers, problems = append(layers, layer), append(problems, err)
	}
	return layers, errors.Join(problems...)
}

func settingsLayer(pairs []string) (*scenario.Layer, error) {
	var settings []scenario.Setting
	var problems []error
	for _, pair := range pairs {
		setting, err := scenario.ParseSetting(pair)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		settings = append(settings, setting)
	}
	layer, err := scenario.NewSettings("--config", settings, false)
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, err
	}
	return layer, layer.Resolve(nil)
}

func (p *program) loadSettingsFile(file string, protected bool) (*scenario.Layer, error) {
	settings, err := p.readSettings(file)
	if err != nil {
		return nil, err
	}
	layer, err := scenario.NewSettings(file, settings, protected)
	if err != nil {
		return nil, err
	}
	return layer, layer.Resolve(nil)
}

func (p *program) readSettings(file string) ([]scenario.Setting, error) {
	switch file {
	case "":
		return nil, usagef("the path of a settings file is empty; give one, or leave the flag out")
	case "-":
		return nil, usagef("a settings file is -, and stdin is for the render; give the path of a file")
	}
	data, err := p.ReadFile(file)
	if err != nil {
		return nil, p.cannotRead("settings file", file, err)
	}
	return scenario.ReadSettings(file, data)
}

// settingsReport has the warnings about settings, for when there is no render.
func settingsReport(layer *scenario.Layer) *transformers.Report {
	report := &transformers.Report{}
	for _, note := range layer.Notes() {
		report.Warnings = append(report.Warnings, transformers.Warning{Code: note.Code, Transformer: "settings", Message: note.Message})
	}
	return report
}
