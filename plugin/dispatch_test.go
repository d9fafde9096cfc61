package plugin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Who called is recognised without a command, and where it could be two, the
// program says so instead of guessing.
func TestDispatch(t *testing.T) {
	legacy := map[string]string{legacyRootEnv: "/kustomization"}
	inline := map[string]string{legacyConfigEnv: scenarios["trust.yaml"]}
	helm := map[string]string{helmPluginEnv: "connected-registry-scenario"}
	fromEnv := map[string]string{scenarioEnv: "trust.yaml"}
	isStream := func(out string) bool { return strings.HasPrefix(out, "---\n") && !strings.Contains(out, "DaemonSet") }
	isList := func(out string) bool {
		return strings.Contains(out, "kind: ResourceList") && strings.Contains(out, "results:")
	}
	cases := map[string]struct {
		args  []string
		env   map[string]string
		stdin string
		code  int
		want  func(string) bool
		says  string
	}{
		"post-render by a flag":            {[]string{"-s", "trust.yaml"}, nil, stream, 0, isStream, ""},
		"post-render by Helm 4":            {[]string{"--scenario=trust.yaml"}, helm, stream, 0, isStream, ""},
		"post-render by the environment":   {nil, fromEnv, stream, 0, isStream, ""},
		"Helm 4 without a scenario":        {nil, helm, stream, 2, nil, "no scenario is given"},
		"Helm 4 without anything":          {nil, helm, "", 2, nil, "no scenario is given"},
		"a stream without a scenario":      {nil, nil, stream, 2, nil, "no scenario is given"},
		"function":                         {nil, nil, list(scenarios["trust.yaml"]), 0, isList, ""},
		"function under a Helm plugin":     {nil, helm, list(scenarios["trust.yaml"]), 0, isList, ""},
		"function, scenario by a flag":     {[]string{"-s", "trust.yaml"}, nil, list(""), 0, isList, ""},
		"function, both":                   {[]string{"-s", "trust.yaml"}, nil, list(scenarios["trust.yaml"]), 2, isList, "has a functionConfig, and --scenario or --config is given"},
		"legacy by file":                   {[]string{"trust.yaml"}, legacy, stream, 0, isStream, ""},
		"legacy by environment":            {nil, inline, stream, 0, isStream, ""},
		"legacy, file before environment":  {[]string{"broken.yaml"}, inline, stream, 1, nil, "spec.mod"},
		"legacy with arguments":            {[]string{"trust.yaml", "a"}, legacy, stream, 2, nil, "remove argsOneLiner and argsFromFile"},
		"legacy with flags":                {[]string{"trust.yaml", "--a"}, legacy, stream, 2, nil, "remove argsOneLiner and argsFromFile"},
		"legacy without a scenario":        {nil, legacy, stream, 2, nil, "there is no scenario"},
		"legacy and a ResourceList":        {[]string{"trust.yaml"}, legacy, list(""), 2, nil, "the command kustomize-plugin or function"},
		"legacy and --scenario":            {[]string{"--scenario", "trust.yaml"}, legacy, stream, 2, nil, "the command kustomize-plugin or post-render"},
		"a command wins over the legacy":   {[]string{"post-render", "-s", "trust.yaml"}, legacy, stream, 0, isStream, ""},
		"a command wins over a list":       {[]string{"kustomize-plugin", "trust.yaml"}, nil, stream, 0, isStream, ""},
		"nothing at all":                   {nil, nil, "", 2, nil, "Usage:"},
		"a flag and nothing on stdin":      {[]string{"-s", "trust.yaml"}, nil, "", 1, nil, "helm/issues/8520"},
		"an empty list by the legacy way":  {[]string{"trust.yaml"}, legacy, "", 1, nil, "no connected registry found"},
		"explicit legacy without anything": {[]string{"kustomize-plugin"}, nil, stream, 2, nil, "there is no scenario"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			w.stdin = c.stdin
			if c.env != nil {
				w.env = c.env
			}
			got := w.run(c.args...)
			assert.Equal(t, c.code, got.code, got.errOut)
			assert.Contains(t, got.errOut, c.says)
			if c.want == nil {
				assert.Empty(t, got.out)
				return
			}
			assert.True(t, c.want(got.out), got.out)
		})
	}
}

// A person who calls the program at a terminal must not wait for their own input.
func TestTerminalStdin(t *testing.T) {
	for _, args := range []string{"", "post-render -s trust.yaml", "-s trust.yaml", "function", "kustomize-plugin trust.yaml", "plan -s trust.yaml", "check -s trust.yaml --render -"} {
		w := at(t)
		w.terminal = []any{"stdin"}
		got := w.run(strings.Fields(args)...)
		assert.Equal(t, 2, got.code, args)
		assert.Empty(t, got.out, args)
		if args == "" {
			assert.Contains(t, got.errOut, "Usage:")
			continue
		}
		assert.Contains(t, got.errOut, "stdin is a terminal", args)
	}
}

func TestIsResourceList(t *testing.T) {
	const version, kind = "apiVersion: config.kubernetes.io/v1\n", "kind: ResourceList\n"
	long := "items:\n" + strings.Repeat("- a: b\n", 1000)
	for text, want := range map[string]bool{
		version + kind:                                 true,
		kind + version:                                 true,
		version + long + kind:                          true,
		kind + long + version:                          true,
		"# a comment\n---\n" + version + kind:          true,
		"\ufeff" + version + kind:                      true,
		`"apiVersion": "config.kubernetes.io/v1"`:      true,
		strings.ReplaceAll(version+kind, "\n", "\r\n"): true,
		`{"apiVersion":"config.kubernetes.io/v1","items":[` + strings.Repeat(" ", 9000):             true,
		"{\n \"kind\": \"ResourceList\"}":                                                           true,
		"apiVersion: config.kubernetes.io/v1alpha1\nkind: KRMFunctionDefinition\n":                  false,
		"apiVersion: v1\nkind: List\nitems:\n- kind: ResourceList\n":                                false,
		"apiVersion: v1\nkind: ConfigMap\ndata:\n  kind: ResourceList\n":                            false,
		"apiVersion: v1\nkind: ConfigMap\n---\n" + version + kind:                                   false,
		"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    apiVersion: config.kubernetes.io/v1\n": false,
		"": false,
	} {
		assert.Equal(t, want, isResourceList([]byte(text)), text)
	}
}
