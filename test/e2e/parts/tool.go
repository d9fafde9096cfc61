// Package parts builds and starts the real servers that the tests run against:
// nothing here plays a part that a program of its own could play.
package parts

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/connected-registry/scenario/fixtures"
)

// Tool returns the path of a program that package tools builds, such as
// kube-apiserver or crane.
func Tool(t testing.TB, name string) string {
	t.Helper()
	return fixtures.Tool(t, name)
}

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
