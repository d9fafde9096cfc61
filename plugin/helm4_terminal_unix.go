//go:build unix

package plugin

import (
	"io"
	"os"
	"os/signal"
	"syscall"
)

// openTerminal opens the controlling terminal.
func openTerminal() (io.WriteCloser, error) {
	// In the background a terminal may stop whoever writes to it (stty tostop), and
	// helm would wait for us for ever.
	signal.Ignore(syscall.SIGTTOU)
	return os.OpenFile("/dev/tty", os.O_WRONLY|syscall.O_NOCTTY, 0)
}
