//go:build !unix

package plugin

import (
	"io"
	"os"
)

// openTerminal opens the console that the process belongs to.
func openTerminal() (io.WriteCloser, error) {
	return os.OpenFile("CONOUT$", os.O_RDWR, 0)
}
