package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const checksumsFile = "checksums.txt"

// billsOfMaterials writes, for each platform, which modules its binary consists of, as
// the binary itself says.
func (r *release) billsOfMaterials() error {
	for _, p := range r.platforms {
		info, err := buildinfo.Read(bytes.NewReader(p.binary))
		if err != nil {
			return err
		}
		var text bytes.Buffer
		encoder := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true)
		if err := encoder.EncodeVersion(r.billOfMaterials(p, info), cdx.SpecVersion1_6); err != nil {
			return err
		}
		if err := r.write(fmt.Sprintf("%s_%s_%s_%s.cdx.json", name, r.number(), p.os, p.arch), text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) billOfMaterials(p platform, info *debug.BuildInfo) *cdx.BOM {
	own := "pkg:golang/" + info.Main.Path + "@" + r.version
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: r.date.Format(time.RFC3339),
		Component: &cdx.Component{
			Type: cdx.ComponentTypeApplication, BOMRef: own, PackageURL: own, Name: name, Version: r.version,
			Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: digest(p.binary)}},
			Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
		},
	}
	modules := []*debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules = append(modules, m)
	}
	components, refs := []cdx.Component{}, []string{}
	for _, m := range modules {
		ref := "pkg:golang/" + m.Path + "@" + m.Version
		components = append(components, cdx.Component{Type: cdx.ComponentTypeLibrary, BOMRef: ref, PackageURL: ref, Name: m.Path, Version: m.Version})
		refs = append(refs, ref)
	}
	bom.Components, bom.Dependencies = &components, &[]cdx.Dependency{{Ref: own, Dependencies: &refs}}
	return bom
}

// statement is an in-toto statement with SLSA provenance.
// Source: https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1.
type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	BuildDefinition struct {
		BuildType            string            `json:"buildType"`
		ExternalParameters   map[string]string `json:"externalParameters"`
		ResolvedDependencies []subject         `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID      string            `json:"id"`
			Version map[string]string `json:"version"`
		} `json:"builder"`
	} `json:"runDetails"`
}

// provenance writes which commit, toolchain and command every file so far was made from.
func (r *release) provenance() error {
	files, err := filesIn(r.out)
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(r.platforms[0].binary))
	if err != nil {
		return err
	}
	const repository = "https://github.com/connected-registry/scenario"
	s := statement{Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1"}
	for _, f := range files {
		s.Subject = append(s.Subject, subject{Name: f.name, Digest: map[string]string{"sha256": digest(f.data)}})
	}
	definition := &s.Predicate.BuildDefinition
	definition.BuildType = repository + "/blob/main/docs/install.md#build-a-release"
	definition.ExternalParameters = map[string]string{"command": "make dist VERSION=" + r.version}
	definition.ResolvedDependencies = []subject{{URI: "git+" + repository, Digest: map[string]string{"gitCommit": r.commit}}}
	s.Predicate.RunDetails.Builder.ID = repository + "/release"
	s.Predicate.RunDetails.Builder.Version = map[string]string{"go": info.GoVersion}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return r.write("provenance.json", append(text, '\n'))
}

// checksums writes the digest of every file so far, as sha256sum does.
func (r *release) checksums() error {
	files, err := filesIn(r.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, f := range files {
		fmt.Fprintf(&text, "%s  %s\n", digest(f.data), f.name)
	}
	return r.write(checksumsFile, []byte(text.String()))
}

func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
