// Command release makes what a release consists of, from the commit that is checked out:
//
//	go run . -version v0.1.0 -out ../dist [-key FILE] [-platforms linux/amd64,…]
//
// Everything but the signatures depends on the commit, the version and the Go toolchain
// only: the times of all files are the commit's.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

const name = "connected-registry-scenario"

// platforms are what a release is for.
const platforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

// release is one release while it is made.
type release struct {
	root, out string
	// version begins with a v.
	version, commit string
	date            time.Time
	platforms       []platform
	// url is the folder from which the release can be downloaded.
	url string
}

// platform is what a binary runs on, with the binary.
type platform struct {
	os, arch string
	binary   []byte
}

func (p platform) String() string { return p.os + "/" + p.arch }

// program is the binary's file name.
func (p platform) program() string {
	if p.os == "windows" {
		return name + ".exe"
	}
	return name
}

func main() {
	version := flag.String("version", "", "`VERSION` of the release, such as v0.1.0")
	out := flag.String("out", "dist", "`DIR` to write to; it must be empty or not exist")
	key := flag.String("key", "", "`FILE` with the OpenPGP private key to sign with")
	list := flag.String("platforms", platforms, "`PLATFORMS` to build for, with commas between them")
	changes := flag.Bool("allow-changes", false, "release what is not committed, too, for tests")
	url := flag.String("url", "https://github.com/connected-registry/scenario/releases/download", "`URL` below which releases can be downloaded")
	flag.Parse()
	r, err := newRelease(*version, *out, *list, *url, *changes)
	if err == nil {
		err = r.make(*key)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func (r *release) make(key string) error {
	// The signatures come last: what they sign names everything else.
	steps := []struct {
		what string
		do   func() error
	}{
		{"binaries", r.buildAll},
		{"archives", r.archives},
		{"Helm plugins", r.helmPlugins},
		{"image", r.image},
		{"bills of materials", r.billsOfMaterials},
		{"package manifests", r.packageManifests},
		{"provenance", r.provenance},
		{"checksums", r.checksums},
		{"signatures", func() error { return r.sign(key) }},
	}
	for _, step := range steps {
		start := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(os.Stdout, "release: %s (%s)\n", step.what, time.Since(start).Round(100*time.Millisecond))
	}
	return nil
}

func newRelease(version, out, list, url string, allowChanges bool) (*release, error) {
	if semver.Canonical(version) != version || version == "" {
		return nil, fmt.Errorf("expected a version such as v0.1.0, got %q; write make dist VERSION=v0.1.0", version)
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("expected %s to be empty, because all that is in it is signed; remove it", out)
	}
	root, err := git(".", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	changed, err := git(root, "status", "--porcelain")
	if err == nil && changed != "" && !allowChanges {
		err = fmt.Errorf("expected all files to be as they were committed, got changes; commit or stash them:\n%s", changed)
	}
	commit, commitErr := git(root, "rev-parse", "HEAD")
	date, dateErr := git(root, "log", "-1", "--format=%cI")
	if err := errors.Join(err, commitErr, dateErr); err != nil {
		return nil, err
	}
	when, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return nil, err
	}
	r := &release{root: root, version: version, commit: commit, date: when.UTC(), url: url + "/" + version}
	if r.out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	for word := range strings.SplitSeq(list, ",") {
		system, arch, found := strings.Cut(word, "/")
		if !found || !slices.Contains(strings.Split(platforms, ","), word) {
			return nil, fmt.Errorf("unknown platform %q; expected some of %s", word, platforms)
		}
		r.platforms = append(r.platforms, platform{os: system, arch: arch})
	}
	return r, nil
}

// number is the version without its v, as in the names of files.
func (r *release) number() string { return strings.TrimPrefix(r.version, "v") }

// write makes a file of the release.
func (r *release) write(path string, data []byte) error {
	path = filepath.Join(r.out, filepath.FromSlash(path))
	return cmp.Or(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644))
}

// buildAll builds a binary for each platform.
func (r *release) buildAll() error {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	const variables = "github.com/connected-registry/scenario/plugin"
	flags := fmt.Sprintf("-s -w -buildid= -X %[1]s.Version=%[2]s -X %[1]s.Commit=%[3]s -X %[1]s.Date=%[4]s",
		variables, r.version, r.commit, r.date.Format(time.RFC3339))
	for i := range r.platforms {
		p := &r.platforms[i]
		file := filepath.Join(dir, p.os+p.arch)
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", file, ".")
		build.Dir = r.root
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+p.os, "GOARCH="+p.arch)
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building for %s: %w\n%s", p, err, output)
		}
		if p.binary, err = os.ReadFile(file); err != nil {
			return err
		}
	}
	return nil
}

func git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(output)), nil
}
