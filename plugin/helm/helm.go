// Package helm is the program for Go programs that use Helm's SDK: a post-renderer
// that makes a scenario hold on what Helm renders. It links neither Helm nor a
// cluster client; a PostRenderer fits postrender.PostRenderer of helm.sh/helm/v3 and
// postrenderer.PostRenderer of helm.sh/helm/v4 alike.
//
// The folder also holds the descriptor of the plugin for Helm 4's command line.
package helm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Config is what a PostRenderer is made of. Files or Layers are needed, the rest is
// not.
type Config struct {
	// Files are scenario files. Paths in a scenario are relative to its file.
	Files []string
	// Layers are scenarios that were decoded with scenario.Decode, with the files
	// that they name resolved. They are laid over those of Files.
	Layers []*scenario.Layer
	// Namespace is the release's, for charts whose manifests leave theirs out.
	Namespace string
	// Now is the time against which certificates are judged, time.Now if nil.
	Now func() time.Time
	// Report, if not nil, is called after each render with what was done to it.
	Report func(*transformers.Report)
}

// PostRenderer makes a scenario hold on what Helm renders.
type PostRenderer struct {
	config   Config
	scenario *scenario.Layer
}

// New reads and judges the scenario. Its errors are [scenario.Error], joined.
func New(config Config) (*PostRenderer, error) {
	var layers []*scenario.Layer
	var problems []error
	for _, file := range config.Files {
		layer, err := read(file)
		layers, problems = append(layers, layer), append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	layers = append(layers, config.Layers...)
	if len(layers) == 0 {
		return nil, codes.Errorf(codes.NoScenario, "no scenario is given; set Files or Layers")
	}
	merged, _, err := scenario.Merge(layers...)
	if err != nil {
		return nil, err
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &PostRenderer{config, merged}, merged.Validate()
}

// read reads a scenario and the files that it names.
func read(file string) (*scenario.Layer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, codes.Errorf(codes.FileUnreadable, "cannot read the scenario: %w", err)
	}
	layer, err := scenario.Decode(file, text)
	if err != nil {
		return nil, err
	}
	return layer, layer.Resolve(func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		return os.ReadFile(path)
	})
}

// Run implements Helm's interface. A render of hooks only, which Helm 4's SDK makes
// with its strategy "separate", comes back as it is. The errors are
// [transformers.Problem], [scenario.Error], or several of them joined.
func (p *PostRenderer) Run(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	set, err := resource.ParseStream(rendered.Bytes())
	if err != nil {
		return nil, err
	}
	if set.Len() == 0 {
		return nil, codes.Errorf(codes.NoManifests, "the render holds no manifests; Helm 3 hands none over where it writes them to an output directory (https://github.com/helm/helm/issues/8520)")
	}
	report, err := transformers.Run(set, p.scenario, transformers.Options{
		Now: p.config.Now(), Version: version(), Namespace: p.config.Namespace,
	})
	if err != nil && !errors.Is(err, transformers.ErrOnlyHooks) {
		return nil, err
	}
	var result bytes.Buffer
	if _, err := set.WriteTo(&result); err != nil {
		return nil, err
	}
	if report != nil && p.config.Report != nil {
		p.config.Report(report)
	}
	return &result, nil
}

const module = "github.com/connected-registry/scenario"

// version is that of this module, as the program's build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "devel"
}
