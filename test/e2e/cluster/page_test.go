package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// page is docs/cluster.md.
func page(t *testing.T) string {
	t.Helper()
	return readFile(t, filepath.Join("..", "..", "..", "docs", "cluster.md"))
}

// documented asserts that a server says something and that docs/cluster.md says that
// it does, in a line of a block.
func documented(t *testing.T, want, got string) {
	t.Helper()
	assert.Contains(t, got, want)
	assert.Contains(t, page(t), want, "docs/cluster.md does not tell")
}

// blocks are the fenced blocks of a section of docs/cluster.md in a language.
func blocks(t *testing.T, section, language string) []string {
	t.Helper()
	_, text, found := strings.Cut(page(t), "\n## "+section+"\n")
	require.True(t, found, section)
	text, _, _ = strings.Cut(text, "\n## ")
	var all []string
	for _, part := range strings.Split(text, "\n```"+language+"\n")[1:] {
		block, _, closed := strings.Cut(part, "\n```")
		require.True(t, closed)
		all = append(all, block)
	}
	require.NotEmpty(t, all, section)
	return all
}
