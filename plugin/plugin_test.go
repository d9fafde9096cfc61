package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// stream is a small render of a connected registry without TLS.
const stream = `---
# Source: connected-registry/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: edge
  namespace: site
spec:
  selector:
    app: edge
  ports:
  - port: 443
    targetPort: 8443
---
# Source: connected-registry/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: edge
  namespace: site
spec:
  selector:
    matchLabels:
      app: edge
  template:
    metadata:
      labels:
        app: edge
    spec:
      containers:
      - name: registry
        image: mcr.microsoft.com/acr/connected-registry:1.0.0 # the chart's
        env:
        - name: ACR_REGISTRY_CONNECTION_STRING
          value: ConnectedRegistryName=edge;SyncTokenPassword=notARealPassword==
        ports:
        - containerPort: 8443
        volumeMounts:
        - name: certs
          mountPath: /var/acr/certs
          readOnly: true
      volumes:
      - name: certs
        secret:
          secretName: old-tls
---
# Source: connected-registry/templates/trust.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: trust
  namespace: site
spec:
  selector:
    matchLabels:
      app: trust
  template:
    metadata:
      labels:
        app: trust
    spec:
      containers:
      - name: trust
        image: busybox
        volumeMounts:
        - name: host
          mountPath: /host
      volumes:
      - name: host
        hostPath:
          path: /etc/containerd/certs.d
      - name: ca
        secret:
          secretName: old-tls
`

const scenarioHead = "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata:\n  name: "

// Scenarios by the file that holds them.
var scenarios = map[string]string{
	"trust.yaml":  scenarioHead + "trust\nspec:\n  trustDistribution:\n    enabled: false\n",
	"ip.yaml":     scenarioHead + "ip\nspec:\n  service:\n    clusterIP: 192.100.100.1\n",
	"other.yaml":  scenarioHead + "other\nspec:\n  service:\n    clusterIP: 192.100.100.2\n",
	"empty.yaml":  scenarioHead + "empty\nspec: {}\n",
	"byoc.yaml":   scenarioHead + "byoc\nspec:\n  certManager: {enabled: false, install: false}\n  trustDistribution: {enabled: false}\n  tls: {crtFile: certs/tls.crt, keyFile: certs/tls.key}\n",
	"broken.yaml": scenarioHead + "broken\nspec:\n  mod: ReadOnly\n  httpEnabled: \"no\"\n",
	"cannot.yaml": scenarioHead + "cannot\nspec:\n  certManager: {enabled: true, install: true}\n",
}

// world is a run's surroundings.
type world struct {
	dir      string
	env      map[string]string
	terminal []any
	width    int
	stdin    string
	out      io.Writer // instead of stdout

	redirected bool // stderr, where a person would else sit at it
}

// outcome is what a run left.
type outcome struct {
	code        int
	out, errOut string
}

// at prepares a directory with all scenarios and certificates, and makes it the
// working directory.
func at(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), env: map[string]string{}}
	leaf := fixtures.Leaf()
	files := map[string]string{"render.yaml": stream, "certs/tls.crt": string(leaf.Crt), "certs/tls.key": string(leaf.Key)}
	for name, text := range scenarios {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(w.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return w
}

func (w *world) readFile(path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.dir, path)
	}
	return os.ReadFile(path)
}

func (w *world) run(args ...string) outcome {
	stdin, stdout, stderr := strings.NewReader(w.stdin), &bytes.Buffer{}, &bytes.Buffer{}
	streams := Streams{In: stdin, Out: stdout, Err: stderr}
	if w.out != nil {
		streams.Out = w.out
	}
	is := func(stream any, names []any) bool {
		for _, name := range names {
			if name == "stdin" && stream == streams.In || name == "stdout" && stream == streams.Out {
				return true
			}
		}
		return false
	}
	code := Main(args, streams, Host{
		LookupEnv:  func(name string) (string, bool) { value, ok := w.env[name]; return value, ok },
		ReadFile:   w.readFile,
		Getwd:      func() (string, error) { return "/here", nil },
		Now:        func() time.Time { return fixtures.Now },
		IsTerminal: func(stream any) bool { return is(stream, w.terminal) },
		Width:      func(any) int { return w.width },
	})
	return outcome{code, stdout.String(), stderr.String()}
}

// list is the stream as a ResourceList with a scenario, if any, as functionConfig.
func list(scenario string) string {
	var b strings.Builder
	b.WriteString("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n")
	for _, document := range strings.Split(stream, "---\n")[1:] {
		b.WriteString(indented(document, "- "))
	}
	if scenario != "" {
		b.WriteString("functionConfig:\n" + indented(scenario, "  "))
	}
	return b.String()
}

func indented(text, first string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		b.WriteString(first + line)
		first = "  "
	}
	return b.String()
}

func TestExitCodes(t *testing.T) {
	cases := map[string]struct {
		args  []string
		stdin string
		code  int
		says  string
	}{
		"post-render":                    {[]string{"post-render", "-s", "trust.yaml"}, stream, 0, ""},
		"no scenario":                    {[]string{"post-render"}, stream, 2, "give one with --scenario FILE"},
		"scenario from stdin":            {[]string{"post-render", "-s", "-"}, stream, 2, "stdin is for the render"},
		"scenario is empty":              {[]string{"post-render", "-s", ""}, stream, 2, "--scenario is empty"},
		"scenario is not there":          {[]string{"post-render", "-s", "no.yaml"}, stream, 1, "cannot read the scenario no.yaml: no such file or directory; check the path, which is looked for from /here"},
		"scenario is a folder":           {[]string{"post-render", "-s", "certs"}, stream, 1, "is a directory"},
		"scenario is broken":             {[]string{"post-render", "-s", "broken.yaml"}, stream, 1, "broken.yaml:6: spec.mod"},
		"scenario cannot hold":           {[]string{"post-render", "-s", "cannot.yaml"}, stream, 1, "spec.certManager.install"},
		"no registry":                    {[]string{"post-render", "-s", "trust.yaml"}, "a: b\n", 1, "no connected registry found"},
		"stream is broken":               {[]string{"post-render", "-s", "trust.yaml"}, stream + "---\nkind: Deployment\nacr/connected-registry: [\n", 1, "invalid YAML"},
		"empty input":                    {[]string{"post-render", "-s", "trust.yaml"}, "", 1, "helm/issues/8520"},
		"a ResourceList":                 {[]string{"post-render", "-s", "trust.yaml"}, list(""), 2, "use the command function"},
		"an argument":                    {[]string{"post-render", "trust.yaml"}, stream, 2, "unexpected argument"},
		"an unknown flag":                {[]string{"post-render", "--scenrio", "x"}, stream, 2, "unknown flag"},
		"an unknown command":             {[]string{"pst-render"}, stream, 2, "did you mean post-render?"},
		"something else entirely":        {[]string{"trust.yaml"}, stream, 2, "unknown command"},
		"check":                          {[]string{"check", "-s", "trust.yaml"}, "", 0, ""},
		"check, not valid":               {[]string{"check", "-s", "broken.yaml"}, "", 1, "broken.yaml:6: spec.mod"},
		"check with a render":            {[]string{"check", "-s", "trust.yaml", "--render", "-"}, stream, 0, ""},
		"check, cannot hold":             {[]string{"check", "-s", "cannot.yaml", "--render", "render.yaml"}, "", 1, "spec.certManager.install"},
		"check, no render":               {[]string{"check", "-s", "trust.yaml", "--render", "no.yaml"}, "", 1, "cannot read the render no.yaml"},
		"check, empty render":            {[]string{"check", "-s", "trust.yaml", "--render", "-"}, "# nothing\n", 1, "stdin holds no manifests"},
		"check, unknown format":          {[]string{"check", "-s", "trust.yaml", "--output", "xml"}, "", 2, "expected text or json"},
		"plan":                           {[]string{"plan", "-s", "trust.yaml", "render.yaml"}, "", 0, ""},
		"plan of stdin":                  {[]string{"plan", "-s", "trust.yaml"}, stream, 0, ""},
		"plan, changes":                  {[]string{"plan", "-s", "trust.yaml", "--exit-code"}, stream, 1, ""},
		"plan, failure":                  {[]string{"plan", "-s", "cannot.yaml"}, stream, 1, "spec.certManager.install"},
		"plan, failure with --exit-code": {[]string{"plan", "-s", "cannot.yaml", "--exit-code"}, stream, 2, "spec.certManager.install"},
		"plan of two":                    {[]string{"plan", "-s", "trust.yaml", "a", "b"}, "", 2, "one at most"},
		"plan, unknown colour":           {[]string{"plan", "-s", "trust.yaml", "--color", "blue"}, stream, 2, "expected auto, always or never"},
		"version":                        {[]string{"version"}, "", 0, ""},
		"--version":                      {[]string{"--version"}, "", 0, ""},
		"--help":                         {[]string{"--help"}, "", 0, ""},
		"help of a command":              {[]string{"help", "plan"}, "", 0, ""},
		"completion":                     {[]string{"completion", "bash"}, "", 0, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			w.stdin = c.stdin
			got := w.run(c.args...)
			assert.Equal(t, c.code, got.code, got.errOut)
			if c.says == "" {
				assert.NotEmpty(t, got.out)
				return
			}
			assert.Empty(t, got.out)
			assert.Contains(t, got.errOut, c.says)
			assert.True(t, strings.HasPrefix(got.errOut, "error: "), got.errOut)
			assert.Equal(t, c.code == 2 && !strings.Contains(name, "failure"), strings.Contains(got.errOut, " --help'"))
		})
	}
}

// brokenPipe is a stdout whose reader has gone.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: errors.New("broken pipe")}
}

func TestFailingStdout(t *testing.T) {
	for _, args := range [][]string{
		{"post-render", "-s", "trust.yaml"}, {"plan", "-s", "trust.yaml"}, {"check", "-s", "trust.yaml"}, {"version"},
		{"plan", "-s", "trust.yaml", "--output", "json"}, {"check", "-s", "trust.yaml", "--output", "json"},
		{"post-render", "-s", "trust.yaml", "--allow-empty"},
	} {
		w := at(t)
		w.out = brokenPipe{}
		w.stdin = stream
		if args[len(args)-1] == "--allow-empty" {
			w.stdin = "# nothing\n"
		}
		got := w.run(args...)
		assert.Equal(t, 1, got.code, args)
		assert.Equal(t, "error: cannot write the result: write /dev/stdout: broken pipe [stream-failed]\n", got.errOut, args)
	}
}

func TestErrorsAreOnLinesOfTheirOwn(t *testing.T) {
	got := at(t).run("check", "-s", "broken.yaml", "-s", "no.yaml")
	for line := range strings.Lines(got.errOut) {
		assert.True(t, strings.HasPrefix(line, "error: "), line)
	}
	assert.Equal(t, 3, strings.Count(got.errOut, "\n"), got.errOut)
}

// What steers a terminal is shown, not obeyed.
func TestErrorsDoNotSteerTheTerminal(t *testing.T) {
	got := at(t).run("check", "-s", "no\x1b[2J\u202e.yaml")
	assert.Contains(t, got.errOut, `no\x1b[2J\u202e.yaml`)
}

func TestVersionIsTheOneOfTheBuild(t *testing.T) {
	defer func(before string) { Version = before }(Version)
	Version = "v1.2.3"
	for _, args := range [][]string{{"version"}, {"--version"}} {
		assert.Equal(t, "connected-registry-scenario version v1.2.3\n", at(t).run(args...).out)
	}
}

// As JSON the version names everything that the build was made of.
func TestVersionAsJSON(t *testing.T) {
	defer func(version, commit, date string) { Version, Commit, Date = version, commit, date }(Version, Commit, Date)
	Version, Commit, Date = "v1.2.3", "0123456789abcdef", "2026-06-01T00:00:00Z"
	var got build
	require.NoError(t, json.Unmarshal([]byte(at(t).run("version", "--output", "json").out), &got))
	assert.NotNil(t, got.Modules)
	got.Modules = nil
	assert.Equal(t, build{Version: "v1.2.3", Commit: "0123456789abcdef", Date: "2026-06-01T00:00:00Z",
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}, got)

	var recorded build
	recorded.record(&debug.BuildInfo{
		Main:     debug.Module{Version: "v0.0.0-20260601000000-0123456789ab"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789ab"}, {Key: "vcs.time", Value: "2026-06-01T00:00:00Z"}},
		Deps:     []*debug.Module{{Path: "example.com/a", Version: "v1.0.0"}, {Path: "example.com/b", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.0"}}},
	})
	assert.Equal(t, build{Version: "v0.0.0-20260601000000-0123456789ab", Commit: "0123456789ab", Date: "2026-06-01T00:00:00Z",
		Modules: []moduleOfBuild{{"example.com/a", "v1.0.0"}, {"example.com/c", "v2.0.0"}}}, recorded)
}

// Every command says what it is for and shows how to call it, in lines that fit
// a terminal of 80 columns.
func TestHelp(t *testing.T) {
	for _, command := range []string{"", "plan", "check", "cleanup", "explain", "schema", "trust containerd", "trust k3s", "trust bundle", "version", "post-render", "function", "kustomize-plugin"} {
		got := at(t).run(strings.Fields(command + " --help")...)
		assert.Equal(t, 0, got.code)
		assert.Contains(t, got.out, "Examples:")
		for line := range strings.Lines(got.out) {
			if strings.HasPrefix(line, `Use "`) {
				continue // cobra's own
			}
			assert.LessOrEqual(t, length(strings.TrimRight(line, " \n")), 80, "%s: %s", command, line)
		}
	}
}
