// Package parts builds and starts the real servers that the tests run against:
// nothing here plays a part that a program of its own could play.
package parts

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Tool builds a tool of this module's go.mod, such as kube-apiserver or crane, and
// returns its path. The build cache keeps it, so that only the first run is slow.
func Tool(t testing.TB, name string) string {
	t.Helper()
	build := exec.Command("go", "tool", "-n", name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-ldflags=-s")
	var stderr bytes.Buffer
	build.Stderr = &stderr
	path, err := build.Output()
	if err != nil {
		t.Fatalf("go tool -n %s: %v\n%s", name, err, stderr.String())
	}
	return strings.TrimSpace(string(path))
}

// Installed finds a program of the operating system, such as etcd or nginx. A
// missing one is a failure: what is not run is not shown.
func Installed(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install %s", name, debianPackage)
	}
	return path
}
