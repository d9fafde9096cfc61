package plugin

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openPTY makes a terminal: whoever is to see it reads the first file, a process
// has the second as its own. Source: pty(7).
func openPTY(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = screen.Close() })
	var number, unlocked int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlocked, syscall.TIOCGPTN: &number} {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(unsafe.Pointer(value)))
		require.Zero(t, errno)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = terminal.Close() })
	return screen, terminal
}

const onTerminalEnv = "TEST_WRITE_TO_THE_TERMINAL"

// The terminal is reached although none of the standard streams is one.
func TestTellTerminal(t *testing.T) {
	if os.Getenv(onTerminalEnv) != "" {
		System().tellTerminal("error: seen\n")
		return
	}
	screen, terminal := openPTY(t)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestTellTerminal$")
	cmd.Env = append(os.Environ(), onTerminalEnv+"=1")
	cmd.ExtraFiles = []*os.File{terminal}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	require.NoError(t, cmd.Run())
	line, err := bufio.NewReader(screen).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, "connected-registry-scenario: error: seen\r")
}
