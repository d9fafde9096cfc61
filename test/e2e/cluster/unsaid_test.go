package cluster_test

import (
	"flag"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The page shows nothing that no test has seen a server say. This file is the last one
// by name, so that all others have run, unless only some are run.
func TestNothingUnsaid(t *testing.T) {
	if flag.Lookup("test.run").Value.String() != "" {
		return
	}
	for _, line := range lines(blocks(t, "text")) {
		_, said := shown.Load(line)
		assert.True(t, said, "no server said this to a test: %s", line)
	}
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(page(t), -1) {
		assert.FileExists(t, filepath.Join("..", "..", "..", "docs", link[1]))
	}
}
