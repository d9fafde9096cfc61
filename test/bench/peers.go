package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

const (
	module     = "github.com/connected-registry/scenario"
	yttModule  = "carvel.dev/ytt"
	yttVersion = "v0.52.0"
)

// peers are the paths of the programs that are compared.
type peers struct {
	ours, kyaml, kustomize, helm string
	ytt                          string // empty where it cannot be built
	peakOf                       string // measures the memory of the others
}

func buildPeers(dir string) (*peers, error) {
	p := &peers{ours: filepath.Join(dir, "ours"), kyaml: filepath.Join(dir, "kyaml"), peakOf: filepath.Join(dir, "peak")}
	var err error
	for path, source := range map[string]string{p.ours: "", p.kyaml: "/test/bench/kyaml", p.peakOf: "/test/bench/peak"} {
		if _, err = goOutput("", "build", "-trimpath", "-o", path, module+source); err != nil {
			return nil, err
		}
	}
	if p.kustomize, err = goOutput("", "tool", "-n", "kustomize"); err != nil {
		return nil, err
	}
	if p.helm, err = goOutput("", "tool", "-n", "helm"); err != nil {
		return nil, err
	}
	if p.ytt, err = buildYtt(); err != nil {
		fmt.Fprintln(os.Stderr, "without ytt, which cannot be built here:", err)
	}
	return p, nil
}

// buildYtt builds ytt in a module of its own, because its dependencies must not
// become ours, and keeps it in the user's cache.
func buildYtt() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "connected-registry-scenario-bench", "ytt-"+yttVersion)
	binary := filepath.Join(dir, "ytt")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module peer\n"), 0o600); err != nil {
		return "", err
	}
	if _, err := goOutput(dir, "get", yttModule+"/cmd/ytt@"+yttVersion); err != nil {
		return "", err
	}
	_, err = goOutput(dir, "build", "-o", binary, yttModule+"/cmd/ytt")
	return binary, err
}

// goOutput is what the go command prints in a directory, the current one for "".
func goOutput(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the Makefile has it
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, errOut.String())
	}
	return strings.TrimSpace(string(out)), nil
}

func (p *peers) postRender(in *inputs, stream string) command {
	return command{path: p.ours, args: []string{"post-render", "--quiet", "--scenario", in.scenario}, stdin: stream}
}

func (p *peers) helmTemplate(in *inputs, values ...string) command {
	args := []string{"template", "connected-registry", in.chart, "--namespace", "connected-registry", "--set", "connectionString=x"}
	for _, value := range values {
		args = append(args, "--set", value)
	}
	return command{path: p.helm, args: args}
}

// yttOverlay does the least of what the scenario asks for, so that ytt has
// something to do.
const yttOverlay = `#@ load("@ytt:overlay", "overlay")
#@overlay/match by=overlay.subset({"kind": "Service", "metadata": {"name": "connected-registry"}})
---
spec:
  #@overlay/match missing_ok=True
  clusterIP: 192.100.100.1
`

func (p *peers) yttCommand(in *inputs, stream string) (command, error) {
	overlay, err := in.file("overlay.yaml", []byte(yttOverlay))
	return command{path: p.ytt, args: []string{"-f", stream, "-f", overlay,
		"--file-mark", filepath.Base(stream) + ":type=yaml-plain"}}, err
}

// kustomizeBuild is `kustomize build` with plain patches that lead to the same
// objects: what we remove is deleted, of what we change every field is replaced,
// what we add is a resource.
func (p *peers) kustomizeBuild(in *inputs, name string, stream []byte) (command, int, error) {
	dir := filepath.Join(in.dir, "kustomize-"+name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return command{}, 0, err
	}
	changes, err := changesOf(stream, in.scenario)
	if err != nil {
		return command{}, 0, err
	}
	var patches []map[string]any
	var added []byte
	for _, c := range changes {
		switch {
		case c.Before == nil:
			added = append(added, c.After...)
		case c.After == nil:
			patches = append(patches, map[string]any{"patch": fmt.Sprintf(
				"$patch: delete\napiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n  namespace: %q\n",
				c.Object.APIVersion, c.Object.Kind, c.Object.Name, c.Object.Namespace)})
		default:
			patch, err := replacement(c.Object)
			if err != nil {
				return command{}, 0, err
			}
			patches = append(patches, patch)
		}
	}
	kustomization, err := json.Marshal(map[string]any{
		"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
		"resources": []string{"stream.yaml"}, "patches": patches,
	})
	if err != nil {
		return command{}, 0, err
	}
	stream = slices.Concat(stream, added)
	for file, data := range map[string][]byte{"stream.yaml": stream, "kustomization.yaml": kustomization} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			return command{}, 0, err
		}
	}
	return command{path: p.kustomize, args: []string{"build", dir}}, len(changes), nil
}

// changesOf is what our program makes of a stream.
func changesOf(stream []byte, path string) ([]resource.Change, error) {
	set, err := patched(stream, path)
	if err != nil {
		return nil, err
	}
	return set.Changes()
}

func patched(stream []byte, path string) (*resource.Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	layer, err := scenario.Decode(path, data)
	if err != nil {
		return nil, err
	}
	set, err := resource.ParseStream(stream)
	if err != nil {
		return nil, err
	}
	_, err = transformers.Run(set, layer, transformers.Options{Now: time.Now(), Version: "bench"})
	return set, err
}

// replacement is a JSON patch that gives an object the fields that it has now.
func replacement(o *resource.Object) (map[string]any, error) {
	text, err := o.Node().MarshalJSON()
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	var operations []map[string]any
	for _, field := range sortedKeys(fields) {
		if field != "apiVersion" && field != "kind" {
			operations = append(operations, map[string]any{"op": "replace", "path": "/" + field, "value": fields[field]})
		}
	}
	patch, err := json.Marshal(operations)
	return map[string]any{
		"target": map[string]string{"kind": o.Kind, "name": "^" + o.Name + "$"},
		"patch":  string(patch),
	}, err
}
