package plugin

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// On a real terminal, with the system's clock: whoever waits for a render sees it,
// and nothing of it is left when the plan comes.
func TestProgressOnATerminal(t *testing.T) {
	w := at(t)
	screen, terminal := openPTY(t)
	stdin, render, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = stdin.Close(); _ = render.Close() })

	host := System()
	host.ReadFile = w.readFile
	host.LookupEnv = func(string) (string, bool) { return "", false }
	var out bytes.Buffer
	code := make(chan int)
	go func() {
		code <- Main([]string{"plan", "-s", "trust.yaml", "--diff=false"}, Streams{In: stdin, Out: &out, Err: terminal}, host)
	}()
	seen := ""
	await := func(text string) {
		t.Helper()
		chunk := make([]byte, 4096)
		require.NoError(t, screen.SetReadDeadline(time.Now().Add(30*time.Second)))
		for !strings.Contains(seen, text) {
			n, err := screen.Read(chunk)
			require.NoError(t, err, "so far: %q", seen)
			seen += string(chunk[:n])
		}
	}
	await("waiting for the render …")
	_, err = io.WriteString(render, stream)
	require.NoError(t, err)
	await(" 3 documents …")
	require.NoError(t, render.Close())
	require.Equal(t, 0, <-code)
	assert.Equal(t, trustTable, out.String())
	_, err = io.WriteString(terminal, "the end")
	require.NoError(t, err)
	await("documents …\r\x1b[Kthe end")
}
