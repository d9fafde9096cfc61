package plugin

import (
	"errors"
	"path/filepath"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

// scenarioEnv is where the paths of scenarios are taken from when no flag says
// them: not every host lets one pass flags.
const scenarioEnv = "CONNECTED_REGISTRY_SCENARIO"

// scenarioFiles are the paths that were given, by flag or else by environment.
func (p *program) scenarioFiles(flags scenarioFlags) ([]string, error) {
	files := flags.files
	if len(files) == 0 {
		for _, file := range filepath.SplitList(p.env(scenarioEnv)) {
			if file != "" {
				files = append(files, file)
			}
		}
	}
	if len(files) == 0 && !flags.any() {
		return nil, usageError{codes.Errorf(codes.NoScenario, "no scenario is given; give one with --scenario FILE (under Helm: --post-renderer-args=--scenario=FILE), or with %s=FILE in the environment, or settings with --config KEY=VALUE", scenarioEnv)}
	}
	for _, file := range files {
		switch file {
		case "":
			return nil, usagef("--scenario is empty; give the path of a file")
		case "-":
			return nil, usagef("--scenario -: stdin is for the render; give the path of a file")
		}
	}
	return files, nil
}

func (p *program) hasScenario(flags renderFlags) bool {
	return flags.given() || p.env(scenarioEnv) != ""
}

// loadScenario reads the scenarios and lays them over each other.
func (p *program) loadScenario(flags scenarioFlags) (*scenario.Layer, []scenario.Override, error) {
	layers, err := p.loadLayers(flags)
	if err != nil {
		return nil, nil, err
	}
	return scenario.Merge(layers...)
}

// given says whether flags name a scenario, or state one as settings.
func (f scenarioFlags) given() bool { return len(f.files) > 0 || f.any() }

// loadLayers reads the scenarios by themselves, and settings as a layer on top.
func (p *program) loadLayers(flags scenarioFlags) ([]*scenario.Layer, error) {
	files, err := p.scenarioFiles(flags)
	if err != nil {
		return nil, err
	}
	var layers []*scenario.Layer
	var problems []error
	for _, file := range files {
		layer, err := p.loadLayer(file)
		layers, problems = append(layers, layer), append(problems, err)
	}
	settings, err := p.loadSettings(flags.settingsFlags)
	return append(layers, settings...), errors.Join(append(problems, err)...)
}

func (p *program) loadLayer(file string) (*scenario.Layer, error) {
	data, err := p.ReadFile(file)
	if err != nil {
		return nil, p.cannotRead("scenario", file, err)
	}
	layer, err := scenario.Decode(file, data)
	if err != nil {
		return nil, err
	}
	return layer, layer.Resolve(p.readFrom(filepath.Dir(file)))
}

// readFrom reads files whose paths are relative to a folder.
func (p *program) readFrom(folder string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		return p.ReadFile(path)
	}
}
