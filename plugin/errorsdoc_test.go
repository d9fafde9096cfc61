package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/codes"
)

const errorsHead = `# Errors and warnings

Every error and every warning ends in a code in brackets. The words of a message may be
improved; its code stays. It is what to search for, and what a program matches: it is in
the reports of ` + "`check --output json`" + ` and ` + "`plan --output json`" + ` as ` + "`code`" + `, and in the
results of a KRM function as the tag ` + "`code`" + `. ` + "`explain CODE`" + ` prints an entry of this page.

An error stops the program before anything is written, a warning does not. A note is what
` + "`check --render`" + ` says of things that the cluster must have.

The page is written from the program by ` + "`make update`" + `, each example from the expectations of
the tests. Failures that show only after deployment are [at the end](#failures-that-show-only-after-deployment).
`

// withoutExample are the codes that no test can provoke from outside.
var withoutExample = []codes.Code{codes.EnforcementIncomplete, codes.EnforcementRemains, codes.AnnotationLost, codes.CertManagerRemains, codes.NotAsStated, codes.NotRemoved, codes.Unforeseen}

// TestErrorsPage compares docs/errors.md with the program, or writes it.
func TestErrorsPage(t *testing.T) {
	const path = "../docs/errors.md"
	examples := shortestExamples(t)
	var b strings.Builder
	b.WriteString(errorsHead)
	group := codes.Group(-1)
	for _, e := range codes.All() {
		if e.Group != group {
			group = e.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n### %s\n", e.Code)
		example, ok := examples[e.Code.String()]
		if assert.Equal(t, !slices.Contains(withoutExample, e.Code), ok,
			"%s: no expectation of a test shows it; add a case to fixtures/errors, fixtures/mistakes or TestRefusedCalls", e.Code) && ok {
			fmt.Fprintf(&b, "\n```text\n%s\n```\n", example)
		}
		fmt.Fprintf(&b, "\n%s\n\n**Fix.** %s\n", e.Cause, e.Fix)
	}
	b.WriteString(afterDeployment())
	if updating() {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(strings.Split(b.String(), "\n"), strings.Split(string(got), "\n")), "run make update")
}

var tagged = regexp.MustCompile(`(?m)^\S.*: .* \[([a-z0-9-]+)\]$`)

// shortestExamples are the shortest line with each code among what tests expect.
func shortestExamples(t *testing.T) map[string]string {
	t.Helper()
	examples := map[string]string{}
	for _, pattern := range []string{
		"../fixtures/*/*/error.txt", "../fixtures/*/*/*/error.txt", "../fixtures/*/*/*/report.txt", "../fixtures/*/*/check.txt", "../fixtures/live/*/expected.txt",
		"../scenario/testdata/*.txt", "testdata/errors/*.txt", "testdata/trust/*.txt", "testdata/convert/*/stderr.txt",
	} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range tagged.FindAllStringSubmatch(string(text), -1) {
				line := m[0]
				if !marked.MatchString(line) {
					line = "error: " + line // as Main tells it
				}
				known := examples[m[1]]
				if known == "" || len(line) < len(known) || len(line) == len(known) && line < known {
					examples[m[1]] = line
				}
			}
		}
	}
	for name := range examples {
		_, known := codes.Find(name)
		assert.True(t, known, "a test expects the code %s, which there is not", name)
	}
	return examples
}

var marked = regexp.MustCompile(`^(error|warning|note): `)

// laterFailures are the failures that nothing shows before the deployment: what is
// seen, why, and what to do. Sources: Microsoft's documentation of the connected
// registry and its preview's on GitHub, and reports of people who ran it.
var laterFailures = [][3]string{
	{"`422 Unprocessable Entity` while the extension or the release is deployed", "The `clusterIP` is outside of the cluster's service range, or another Service has it.", "Ask the cluster for its range (`az aks show --query networkProfile.serviceCidr`) and for what is taken (`kubectl get services -A`), and state a free one."},
	{"`UNAUTHORIZED`, \"Incorrect Password\" in the registry's log", "The sync token has another password by now: each `--generate-password 1` replaces the one before.", "Make a connection string once more, and bring it to the chart or the extension as a protected setting."},
	{"`ALREADY_ACTIVATED` in the registry's log", "Azure takes one instance of a connected registry, and the former one was removed without being deactivated.", "Run `az acr connected-registry deactivate`, and wait: the pod starts anew after some minutes."},
	{"CRDs or webhooks \"already exist\" or are \"owned by another release\"", "The cluster has a cert-manager, and the chart brings a second one.", "Take the release out, and deploy it again with `certManager.install: false`."},
	{"The pod waits for its Secret, 0 of 1 ready", "No cert-manager runs that would fill the Secret, or it cannot issue the certificate.", "Install cert-manager. `kubectl describe certificate` in the release's namespace says what it waits for."},
	{"The PersistentVolumeClaim stays Pending, and the extension stays \"Running\"", "The cluster has no such storage class, or no room for the request. A claim's class cannot be changed later.", "Deploy anew with `pvc.storageClassName` and `pvc.storageRequest` that the cluster can give."},
	{"`DiskError`, or a file below `/var/acr/data` is denied", "The volume does not let the registry's user write.", "Correct the volume's permissions, or take another storage class."},
	{"The pod stays Pending on k3s with Longhorn", "The volume is not attached yet, or Longhorn is not ready.", "Wait for Longhorn, or state `storageClassName: local-path`."},
	{"`http: server gave HTTP response to HTTPS client` on a node", "The registry serves plain HTTP, and the node's runtime was not told.", "See [insecure-registry](#insecure-registry)."},
	{"`x509: certificate signed by unknown authority` on a node", "The node does not trust the CA: the trust distribution is off, or does not run on that node.", "Look at the DaemonSet's pods and at `useNodeSelector`, or give the node the CA by other means."},
	{"`denied: This operation is not allowed on this registry.`", "A push to a registry whose mode is ReadOnly. The mode belongs to the Azure resource and cannot be changed.", "Push to the parent, or make a connected registry of mode ReadWrite."},
	{"`manifest unknown`, or 404 at a pull", "The repository is not synchronized.", "Add it with `az acr connected-registry repo`, and wait for the next synchronization."},
	{"401 at a pull", "The client token is not one of this connected registry, or lacks the repository's scope.", "Add the token with `az acr connected-registry update --add-client-tokens`, with `content/read` on the repository."},
	{"403 at activation, or `AADSTS70021`, with a managed identity", "The role has not reached every part of Azure yet, or the federated credential names another namespace or ServiceAccount.", "Wait ten minutes. Then compare the credential's subject with the namespace and the ServiceAccount of the release."},
	{"\"cannot re-use a name that is still in use\"", "A release or an extension of that name is still there.", "Take another name, or take the old one out first."},
	{"The namespace \"is being terminated\"", "The former release is still being removed.", "Wait until `kubectl get namespace` does not show it any more."},
	{"\"failed to download\", \"chart path not found\"", "There is no chart of that `--version`.", "Leave the version out, or ask for one that there is."},
}

func afterDeployment() string {
	var b strings.Builder
	b.WriteString("\n## Failures that show only after deployment\n\nOnly the cluster or Azure knows of these, so no code stands for them.\n\n| what is seen | cause | fix |\n|---|---|---|\n")
	for _, f := range laterFailures {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f[0], f[1], f[2])
	}
	return b.String()
}
