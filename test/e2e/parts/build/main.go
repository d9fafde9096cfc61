// Command build builds the tools that the tests run, a line each: the first time they
// take minutes, and a test says nothing while it builds.
package main

import (
	"fmt"
	"os"

	"github.com/connected-registry/scenario/test/e2e/parts"
)

func main() {
	if err := parts.BuildTools(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}
