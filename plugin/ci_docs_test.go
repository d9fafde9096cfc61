package plugin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/transformers"
)

// pipeline is what a test runs of the page's pipelines.
type pipeline struct {
	Defaults struct{ Run struct{ Shell string } }
	Jobs     map[string]struct{ Steps []step }
	Steps    []step
}

type step struct{ Uses, Run, Bash string }

// Every command of docs/ci.md is run as the pipeline runs it, against stand-ins for the
// services that take the comment.
func TestCIPage(t *testing.T) {
	dir, env := desk(t, []string{ownTrust, ownTrust}, "")
	var ran []string
	for _, b := range blocksOf(t, "docs/ci.md") {
		if b.language == "sh" {
			t.Run("sh", func(t *testing.T) {
				fixtures.Needs(t, "jq")
				assert.Equal(t, "cert-manager, certificate, clean-up, marker, trust\n", script(t, dir, env, "-euo", "pipefail", "-c", b.text))
			})
			ran = append(ran, "sh")
			continue
		}
		require.Equal(t, "yaml", b.language)
		var p pipeline
		require.NoError(t, yaml.Unmarshal([]byte(b.text), &p))
		if job, ok := p.Jobs["plan"]; ok {
			require.Equal(t, "bash", p.Defaults.Run.Shell)
			runOnGitHub(t, dir, env, job.Steps)
			ran = append(ran, "GitHub")
			continue
		}
		t.Run("Azure", func(t *testing.T) {
			fixtures.Needs(t, "jq", "curl")
			runOnAzure(t, dir, env, p.Steps)
		})
		ran = append(ran, "Azure")
	}
	assert.Equal(t, []string{"GitHub", "Azure", "sh"}, ran)
}

func script(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("bash", args...)
	cmd.Dir, cmd.Env = dir, env
	stdout, stderr, err := command(t, cmd)
	require.NoError(t, err, "%s\n%s", args[len(args)-1], stderr)
	return stdout
}

// gh stands in for GitHub's command line: it keeps the comment that it is given.
const gh = `#!/usr/bin/env bash
[[ $* == "pr comment 7 --body-file plan.md --edit-last --create-if-none" && $GH_TOKEN == token ]] || { echo "called with $*" >&2; exit 1; }
cp plan.md comment.md
`

func runOnGitHub(t *testing.T, dir string, env []string, steps []step) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bin", "gh"), []byte(gh), 0o700))
	env = append(env, "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary.md"), "GH_TOKEN=token", "PR=7")
	for _, s := range steps {
		if s.Uses == "" {
			require.NotEmpty(t, s.Run)
			script(t, dir, env, "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
		}
	}
	for _, name := range []string{"comment.md", "summary.md"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assertIsPlan(t, string(text))
	}
}

func runOnAzure(t *testing.T, dir string, env []string, steps []step) {
	t.Helper()
	var posted []string
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		posted = append(posted, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"), string(body))
	}))
	defer service.Close()
	env = append(env, "SYSTEM_COLLECTIONURI="+service.URL+"/organisation/", "SYSTEM_TEAMPROJECTID=project", "BUILD_REPOSITORY_ID=repository",
		"SYSTEM_PULLREQUEST_PULLREQUESTID=7", "SYSTEM_ACCESSTOKEN=token", "NO_PROXY=127.0.0.1")
	for _, s := range steps {
		require.NotEmpty(t, s.Bash)
		script(t, dir, env, "--noprofile", "--norc", "-c", s.Bash)
	}
	require.Len(t, posted, 2)
	assert.Equal(t, "POST /organisation/project/_apis/git/repositories/repository/pullRequests/7/threads?api-version=7.1 Bearer token", posted[0])
	var thread struct{ Comments []struct{ Content string } }
	require.NoError(t, json.Unmarshal([]byte(posted[1]), &thread))
	require.Len(t, thread.Comments, 1)
	assertIsPlan(t, thread.Comments[0].Content)
}

func assertIsPlan(t *testing.T, text string) {
	t.Helper()
	assert.True(t, strings.HasPrefix(text, "## Plan of scenario `own-trust`\n\n**0 to add, 1 to change, "), text)
	assert.Contains(t, text, "\n### Trust distribution\n\n| action | object | what |\n|---|---|---|\n| remove | ")
	assert.Contains(t, text, "\n```diff\n")
}

// The page names every concern.
func TestCIPageNamesTheConcerns(t *testing.T) {
	page, err := os.ReadFile("../docs/ci.md")
	require.NoError(t, err)
	for _, concern := range transformers.Concerns() {
		assert.Contains(t, string(page), "`"+string(concern)+"`")
	}
}
