package plugin

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// slow is stdin that time passes at: a tick of the clock after each read.
type slow struct {
	io.Reader
	tick func()
}

func (s *slow) Read(chunk []byte) (int, error) {
	n, err := s.Reader.Read(chunk)
	s.tick()
	return n, err
}

// watching runs the program with a person at stderr, and a clock that ticks at every
// read of stdin.
func watching(t *testing.T, w *world, stdin io.Reader, args ...string) (code int, stdout, stderr string, ticks int) {
	t.Helper()
	tick := func() {}
	var out, errOut bytes.Buffer
	in := &slow{stdin, func() { tick() }}
	code = Main(args, Streams{In: in, Out: &out, Err: &errOut}, Host{
		LookupEnv: func(name string) (string, bool) { value, ok := w.env[name]; return value, ok },
		ReadFile:  w.readFile,
		Getwd:     func() (string, error) { return "/here", nil },
		Now:       func() time.Time { return fixtures.Now },
		Every: func(interval time.Duration, do func()) func() {
			assert.Equal(t, progressInterval, interval)
			tick = func() { ticks++; do() }
			return func() { tick = func() {} }
		},
		IsTerminal: func(stream any) bool { return stream == &errOut && !w.redirected },
		Width:      func(any) int { return w.width },
	})
	return code, out.String(), errOut.String(), ticks
}

func TestProgressOfALongRun(t *testing.T) {
	w := at(t)
	w.width = 80
	large := stream + strings.Repeat("---\nkind: A\nmetadata: {name: a}\n", 100_000)
	code, stdout, stderr, ticks := watching(t, w, strings.NewReader(large), "plan", "-s", "trust.yaml", "--diff=false")
	require.Equal(t, 0, code, stderr)
	assert.Equal(t, trustTable, stdout)
	assert.Greater(t, ticks, 3)
	lines := strings.Split(stderr, "\r\x1b[K")
	assert.Equal(t, "reading 3.2 MB, 100003 documents …", lines[len(lines)-2])
	assert.Empty(t, lines[0])
	assert.Empty(t, lines[len(lines)-1], "erased at the end")
	assert.NotContains(t, stderr, "\n")
}

// However a stream is cut into reads, its documents are counted right.
func TestProgressCountsDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"separator first":    "---\na: b\n---\nc: d\n---\ne: f\n",
		"no separator first": "a: b\n---\nc: d\n---\ne: f\n",
	} {
		for reader, cut := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "all": iotest.DataErrReader} {
			g := &progress{last: []byte("\n")}
			_, err := io.Copy(io.Discard, g.watch(cut(strings.NewReader(text))))
			require.NoError(t, err)
			assert.Equal(t, 3, g.documents, "%s, %s", name, reader)
			assert.Equal(t, len(text), g.bytes)
		}
	}
}

func TestProgressFitsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	g := &progress{out: &out, columns: 10}
	g.phase("patching %s", "everything")
	g.show()
	assert.Equal(t, "\r\x1b[Kpatching ", out.String())
}

// A failure erases the line before it tells of itself.
func TestProgressOfAFailure(t *testing.T) {
	w := at(t)
	stdin := io.MultiReader(strings.NewReader(stream), iotest.ErrReader(errors.New("gone")))
	code, stdout, stderr, ticks := watching(t, w, stdin, "plan", "-s", "trust.yaml")
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Positive(t, ticks)
	assert.Contains(t, stderr, "\r\x1b[Kerror: ")
}

// Nothing is shown where nobody watches, or where somebody else shows our stderr.
func TestNoProgress(t *testing.T) {
	cases := map[string]struct {
		args       string
		env        map[string]string
		redirected bool
	}{
		"stderr is no terminal": {args: "plan -s trust.yaml", redirected: true},
		"NO_COLOR":              {args: "plan -s trust.yaml", env: map[string]string{"NO_COLOR": "1"}},
		"dumb terminal":         {args: "plan -s trust.yaml", env: map[string]string{"TERM": "dumb"}},
		"post-render":           {args: "post-render --quiet -s trust.yaml"},
		"called by helm":        {args: "--quiet -s trust.yaml"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			w.env, w.redirected = c.env, c.redirected
			code, _, stderr, ticks := watching(t, w, strings.NewReader(stream), strings.Fields(c.args)...)
			assert.Equal(t, 0, code, stderr)
			assert.Empty(t, stderr)
			assert.Zero(t, ticks, "no clock runs")
		})
	}
	w := at(t)
	code, _, stderr, ticks := watching(t, w, strings.NewReader(list(scenarios["trust.yaml"])), "function")
	assert.Equal(t, 0, code, stderr)
	assert.NotContains(t, stderr, "\r")
	assert.Zero(t, ticks)
}

// The clock of the system calls, and not after it was stopped.
func TestEvery(t *testing.T) {
	called := make(chan struct{})
	stop := every(time.Millisecond, func() { called <- struct{}{} })
	<-called
	<-called
	go func() {
		for range called { // a call may be under way
			continue
		}
	}()
	stop()
	close(called) // a call from now on would panic
}
