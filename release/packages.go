package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed formula.rb.tmpl
var formula string

const description = "Make a security scenario hold on a rendered Azure connected registry chart"

// packageManifests writes what Homebrew and Scoop read.
func (r *release) packageManifests() error {
	type archive struct{ URL, SHA256 string }
	archives := map[string]archive{}
	for _, p := range r.platforms {
		data, err := os.ReadFile(filepath.Join(r.out, r.archive(p)))
		if err != nil {
			return err
		}
		archives[p.os+"_"+p.arch] = archive{r.url + "/" + r.archive(p), digest(data)}
	}
	brew, err := template.New("formula").Parse(formula)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = brew.Execute(&text, map[string]any{
		"Name": name, "Description": description, "Version": r.number(), "Archives": archives,
		"Systems": map[string]string{"darwin": "macos", "linux": "linux"}, "Chips": map[string]string{"amd64": "intel", "arm64": "arm"},
	})
	if err != nil {
		return err
	}
	if err := r.write(name+".rb", text.Bytes()); err != nil {
		return err
	}

	scoop := scoopManifest{
		Version: r.number(), Description: description,
		Homepage: "https://github.com/connected-registry/scenario", License: "Apache-2.0",
		Architecture: map[string]scoopArchive{}, Bin: name + ".exe",
	}
	for scoopName, goName := range map[string]string{"64bit": "windows_amd64", "arm64": "windows_arm64"} {
		if a, found := archives[goName]; found {
			scoop.Architecture[scoopName] = scoopArchive{a.URL, a.SHA256}
		}
	}
	encoded, err := json.MarshalIndent(scoop, "", "    ")
	if err != nil {
		return err
	}
	return r.write(name+".json", append(encoded, '\n'))
}

// scoopManifest is an app manifest.
// Source: https://github.com/ScoopInstaller/Scoop/wiki/App-Manifests.
type scoopManifest struct {
	Version      string                  `json:"version"`
	Description  string                  `json:"description"`
	Homepage     string                  `json:"homepage"`
	License      string                  `json:"license"`
	Architecture map[string]scoopArchive `json:"architecture"`
	Bin          string                  `json:"bin"`
}

type scoopArchive struct {
	URL  string `json:"url"`
	Hash string `json:"hash"`
}
