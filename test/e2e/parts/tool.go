// Package parts builds and starts the real servers that the tests run against:
// nothing here plays a part that a program of its own could play.
package parts

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Tool builds a tool of this module's go.mod, such as kube-apiserver or crane, and
// returns its path. A cache keeps it, so that only the first run is slow.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := tool(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// kubernetes are the tools that are linked with their version: see kubernetesTool.
var kubernetes = []string{"kube-apiserver", "kube-controller-manager", "kubectl", "kubelet"}

// others are the tools that `go tool` links.
var others = []string{"certmanager", "crane", "registry", "trustmanager"}

// BuildTools builds all tools and writes a line about each.
func BuildTools(w io.Writer) error {
	for _, name := range slices.Concat(kubernetes, others) {
		start := time.Now()
		if _, err := tool(name); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "built %s in %s\n", name, time.Since(start).Round(time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// tools keeps the paths: to ask the go command takes longer than most tools run.
var tools sync.Map

func tool(name string) (string, error) {
	if path, ok := tools.Load(name); ok {
		return path.(string), nil
	}
	find := goTool
	if slices.Contains(kubernetes, name) {
		find = kubernetesTool
	}
	path, err := find(name)
	if err == nil {
		tools.Store(name, path)
	}
	return path, err
}

// goTool has the build cache keep the program.
func goTool(name string) (string, error) {
	build := exec.Command("go", "tool", "-n", name)
	build.Dir, build.Env = moduleDir(), append(os.Environ(), "CGO_ENABLED=0")
	return output(build)
}

// kubernetesTool tells the program which version it is, which `go tool` cannot.
// Without, it says v0.0.0, and charts that want a Kubernetes of some age refuse it.
func kubernetesTool(name string) (string, error) {
	version, err := KubernetesVersion()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "connected-registry-scenario-test", "kubernetes-"+version)
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	building, err := os.MkdirTemp(dir, "building") // to move it when it is whole
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(building) }()
	build := exec.Command("go", "build", "-o", building,
		"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion="+version, "k8s.io/kubernetes/cmd/"+name)
	build.Dir, build.Env = moduleDir(), append(os.Environ(), "CGO_ENABLED=0")
	if _, err := output(build); err != nil {
		return "", err
	}
	return path, os.Rename(filepath.Join(building, name), path)
}

// KubernetesVersion is what go.mod says.
var KubernetesVersion = sync.OnceValues(func() (string, error) {
	ask := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	ask.Dir = moduleDir()
	return output(ask)
})

// Installed finds a program of the operating system, such as etcd or nginx. A
// missing one is a failure: what is not run is not shown.
func Installed(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := installed(name, debianPackage)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func installed(name, debianPackage string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed: apt-get install %s", name, debianPackage)
	}
	return path, nil
}

// output is what a program writes to stdout, without space around it; its stderr is
// in the error.
func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, stdout.String(), stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// moduleDir is test/e2e.
func moduleDir() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(here))
}
