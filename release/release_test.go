package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/ProtonMail/go-crypto/openpgp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// made is a release of two platforms, signed with a key of its own; all tests look at it.
var made *release

// platformsOfTests are the two that differ most, and the one that the tests can run.
const platformsOfTests = "linux/amd64,windows/arm64"

const versionOfTests = "v0.1.0"

func TestMain(m *testing.M) {
	code, err := withRelease(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withRelease(tests func() int) (int, error) {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	key, err := throwAwayKey(dir)
	if err != nil {
		return 0, err
	}
	made, err = newRelease(versionOfTests, filepath.Join(dir, "dist"), platformsOfTests, "https://example.com/download", true)
	if err != nil {
		return 0, err
	}
	if err := made.make(key); err != nil {
		return 0, err
	}
	return tests(), nil
}

// throwAwayKey writes a private key that nobody else has.
func throwAwayKey(dir string) (string, error) {
	key, err := openpgp.NewEntity("a test", "", "test@example.com", nil)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	file := filepath.Join(dir, "key")
	return file, errors.Join(key.SerializePrivate(&text, nil), os.WriteFile(file, text.Bytes(), 0o600))
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(made.out, file))
	require.NoError(t, err)
	return data
}

// copyOfTheProject is all that is in git, and what is not yet, in another folder.
func copyOfTheProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list, err := git(made.root, "ls-files", "--cached", "--others", "--exclude-standard")
	require.NoError(t, err)
	for path := range strings.Lines(list) {
		path = strings.TrimSpace(path)
		data, err := os.ReadFile(filepath.Join(made.root, path))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not committed
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), data, 0o644))
	}
	return dir
}

// Another folder and an empty build cache give the same bytes, signatures apart.
func TestReproducible(t *testing.T) {
	again := *made
	again.root, again.out = copyOfTheProject(t), t.TempDir()
	again.platforms = []platform{{os: "linux", arch: "amd64"}}
	t.Setenv("GOCACHE", t.TempDir())
	require.NoError(t, again.buildAll())
	assert.Equal(t, digest(made.platforms[0].binary), digest(again.platforms[0].binary))

	again.platforms = append(again.platforms, made.platforms[1])
	for _, step := range []func() error{again.archives, again.helmPlugins, again.image, again.billsOfMaterials, again.packageManifests, again.provenance, again.checksums} {
		require.NoError(t, step())
	}
	files, err := filesIn(again.out)
	require.NoError(t, err)
	assert.Len(t, files, 11)
	for _, f := range files {
		assert.Equal(t, digest(content(t, f.name)), digest(f.data), f.name)
	}
}

// The binary says what it was made of, and is no larger than it must be.
func TestBinary(t *testing.T) {
	binary := made.platforms[0].binary
	assert.LessOrEqual(t, len(binary), 16_000_000)
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, binary, 0o700))
	output, err := exec.Command(file, "version", "--output", "json").Output()
	require.NoError(t, err)
	var said struct {
		Version, Commit, Date, Platform string
		Modules                         []struct{ Path, Version string }
	}
	require.NoError(t, json.Unmarshal(output, &said))
	assert.Equal(t, []string{versionOfTests, made.commit, made.date.Format(time.RFC3339), "linux/amd64"},
		[]string{said.Version, said.Commit, said.Date, said.Platform})
	assert.Greater(t, len(said.Modules), 5)
	assert.NotContains(t, string(binary), made.root, "the folder that it was built in")
}

// go install gives a binary of the program's name, which a Go user expects to be built
// from the module alone.
func TestGoInstall(t *testing.T) {
	dir := t.TempDir()
	install := exec.Command("go", "install", "./cmd/"+name)
	install.Dir = made.root
	install.Env = append(os.Environ(), "GOBIN="+dir)
	output, err := install.CombinedOutput()
	require.NoError(t, err, string(output))
	output, err = exec.Command(filepath.Join(dir, name), "version").Output()
	require.NoError(t, err)
	assert.Contains(t, string(output), name+" version ")
}

// entries are an archive's files with their modes; every time is the commit's.
func entries(t *testing.T, file string) map[string]int64 {
	t.Helper()
	found, data := map[string]int64{}, content(t, file)
	if strings.HasSuffix(file, ".zip") {
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		for _, f := range archive.File {
			found[f.Name] = int64(f.Mode().Perm())
			assert.Equal(t, made.date, f.Modified.UTC(), f.Name)
		}
		return found
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found[header.Name] = header.Mode
		assert.Equal(t, made.date, header.ModTime.UTC(), header.Name)
		assert.Equal(t, "", header.Uname+header.Gname)
	}
}

func TestArchives(t *testing.T) {
	for file, program := range map[string]string{
		name + "_0.1.0_linux_amd64.tar.gz": name, name + "_0.1.0_windows_arm64.zip": name + ".exe",
	} {
		found := entries(t, file)
		assert.Equal(t, int64(0o755), found[program], file)
		for _, also := range []string{
			"LICENSE", "completions/" + name + ".bash", "completions/" + name + ".zsh", "completions/" + name + ".fish", "completions/" + name + ".powershell",
			"man/man1/" + name + ".1", "man/man1/" + name + "-plan.1", "man/man1/" + name + "-trust-bundle.1",
		} {
			assert.Equal(t, int64(0o644), found[also], "%s in %s", also, file)
		}
	}
	assert.Equal(t, map[string]int64{name + "/plugin.yaml": 0o644, name + "/" + name + ".exe": 0o755},
		entries(t, "helm-plugin/windows_arm64/"+name+"-0.1.0.tgz"))
}

// bomSchema is CycloneDX's own, of which its Go module has a copy.
func bomSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	var id string
	for _, file := range []string{"spdx.schema.json", "jsf-0.82.schemax.json", "bom-1.6.schema.json"} {
		text, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "schema", file))
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(text)
		require.NoError(t, err)
		require.NoError(t, text.Close())
		id = document.(map[string]any)["$id"].(string)
		require.NoError(t, compiler.AddResource(id, document))
	}
	schema, err := compiler.Compile(id)
	require.NoError(t, err)
	return schema
}

// A bill of materials is valid, names the modules that the binary names, and is the one
// of its platform.
func TestBillOfMaterials(t *testing.T) {
	schema := bomSchema(t)
	for i, system := range []string{"linux_amd64", "windows_arm64"} {
		text := content(t, name+"_0.1.0_"+system+".cdx.json")
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(document))
		var bom cdx.BOM
		require.NoError(t, json.Unmarshal(text, &bom))
		assert.Equal(t, cdx.SpecVersion1_6, bom.SpecVersion)
		assert.Equal(t, versionOfTests, bom.Metadata.Component.Version)
		assert.Equal(t, digest(made.platforms[i].binary), (*bom.Metadata.Component.Hashes)[0].Value)
		var names []string
		for _, c := range *bom.Components {
			names = append(names, c.Name)
			assert.Equal(t, "pkg:golang/"+c.Name+"@"+c.Version, c.PackageURL)
		}
		assert.Subset(t, names, []string{"std", "github.com/spf13/cobra", "sigs.k8s.io/kustomize/kyaml"})
		assert.NotContains(t, names, "github.com/stretchr/testify")
		assert.Len(t, *(*bom.Dependencies)[0].Dependencies, len(names))
	}
}

// The statement names every file that was there, by its digest, and the commit.
func TestProvenance(t *testing.T) {
	var s statement
	decoder := json.NewDecoder(bytes.NewReader(content(t, "provenance.json")))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&s))
	assert.Equal(t, "https://in-toto.io/Statement/v1", s.Type)
	assert.Equal(t, "https://slsa.dev/provenance/v1", s.PredicateType)
	assert.Equal(t, map[string]string{"gitCommit": made.commit}, s.Predicate.BuildDefinition.ResolvedDependencies[0].Digest)
	assert.Len(t, s.Subject, 9)
	for _, of := range s.Subject {
		assert.Equal(t, digest(content(t, of.Name)), of.Digest["sha256"], of.Name)
	}
}

// The image is the static binary alone, run by a user with a number, for each platform.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(made.out, name+"_0.1.0_image.tar")
	output, err := exec.Command("tar", "-xf", archive, "-C", dir).CombinedOutput()
	require.NoError(t, err, string(output))
	top, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	manifest, err := top.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	manifest, err = index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	assert.Equal(t, "linux/amd64", manifest.Manifests[0].Platform.String())
	image, err := index.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	assertImage(t, image)
}

func assertImage(t *testing.T, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "65532:65532", config.Config.User)
	assert.Equal(t, []string{"/" + name}, config.Config.Entrypoint)
	assert.Equal(t, made.commit, config.Config.Labels["org.opencontainers.image.revision"])
	assert.Equal(t, made.date, config.Created.UTC())
	layers, err := image.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	files, err := layers[0].Uncompressed()
	require.NoError(t, err)
	archive := tar.NewReader(files)
	header, err := archive.Next()
	require.NoError(t, err)
	assert.Equal(t, name, header.Name)
	hash := sha256.New()
	_, err = io.Copy(hash, archive)
	require.NoError(t, err)
	assert.Equal(t, digest(made.platforms[0].binary), fmt.Sprintf("%x", hash.Sum(nil)))
	_, err = archive.Next()
	assert.ErrorIs(t, err, io.EOF)
}

// What Homebrew documents for formulas: https://docs.brew.sh/Formula-Cookbook.
var formulaLine = regexp.MustCompile(`^(class ConnectedRegistryScenario < Formula|end|def install|test do|` +
	`(desc|homepage|version|license|url) "[^"]+"|sha256 "[0-9a-f]{64}"|on_(linux|macos|intel|arm) do|` +
	`bin\.install "[^"]+"|man1\.install Dir\["[^"]+"\]|(bash|zsh|fish)_completion\.install "[^"]+"( => "[^"]+")?|assert_match .*|)$`)

func TestFormula(t *testing.T) {
	text := string(content(t, name+".rb"))
	opened := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		assert.Regexp(t, formulaLine, line)
		switch {
		case line == "end":
			opened--
		case strings.HasSuffix(line, " do"), strings.HasPrefix(line, "class "), strings.HasPrefix(line, "def "):
			opened++
		}
	}
	assert.Zero(t, opened, "as many ends as beginnings")
	archive := name + "_0.1.0_linux_amd64.tar.gz"
	assert.Contains(t, text, "    on_intel do\n      url \"https://example.com/download/v0.1.0/"+archive+"\"\n      sha256 \""+digest(content(t, archive))+"\"\n")
	assert.LessOrEqual(t, len(description), 80, "what brew audit allows")
	for _, installed := range regexp.MustCompile(`install (?:Dir\[)?"([^"*]+)`).FindAllStringSubmatch(text, -1) {
		assert.True(t, hasEntry(entries(t, archive), installed[1]), "%s is not in the archive", installed[1])
	}
}

func hasEntry(entries map[string]int64, prefix string) bool {
	for name := range entries {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func TestScoopManifest(t *testing.T) {
	var manifest map[string]any
	require.NoError(t, json.Unmarshal(content(t, name+".json"), &manifest))
	archive := name + "_0.1.0_windows_arm64.zip"
	assert.Equal(t, map[string]any{
		"version": "0.1.0", "description": description, "homepage": "https://github.com/connected-registry/scenario", "license": "Apache-2.0", "bin": name + ".exe",
		"architecture": map[string]any{"arm64": map[string]any{"url": "https://example.com/download/v0.1.0/" + archive, "hash": digest(content(t, archive))}},
	}, manifest)
}

func TestRefused(t *testing.T) {
	used := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(used, "file"), nil, 0o600))
	for want, c := range map[string][3]string{
		`expected a version such as v0.1.0, got ""`:        {"", "dist", platforms},
		`expected a version such as v0.1.0, got "0.1.0"`:   {"0.1.0", "dist", platforms},
		"to be empty, because all that is in it is signed": {"v0.1.0", used, platforms},
		`unknown platform "plan9/amd64"`:                   {"v0.1.0", filepath.Join(used, "dist"), "plan9/amd64"},
	} {
		_, err := newRelease(c[0], c[1], c[2], "", true)
		assert.ErrorContains(t, err, want)
	}
	public := filepath.Join(made.out, name+".gpg")
	assert.ErrorContains(t, made.sign(public), "expected a private key, got a public one; write it with gpg --export-secret-keys")
	assert.ErrorContains(t, made.sign(filepath.Join(used, "file")), "expected one key, got 0")
}
