package plugin

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// progressInterval is when a run becomes long enough to say what it is at, and how
// often it says so from then on.
const progressInterval = time.Second

// progress is a line on a terminal that says what a long run is at. It is erased
// before anything else is written. Nil shows nothing.
type progress struct {
	out     io.Writer
	columns int // of the terminal, 0 where it is not known
	end     func()

	mutex     sync.Mutex
	doing     string // empty while reading
	bytes     int
	documents int
	last      []byte // of what was read: a separator may stand across two reads
	shown     bool
}

// startProgress begins to watch a run, where a person sits at stderr and the
// terminal is one on which a line can be erased.
func (p *program) startProgress() *progress {
	if p.Every == nil || !p.IsTerminal(p.Err) || p.env("NO_COLOR") != "" || p.env("TERM") == "dumb" {
		return nil
	}
	g := &progress{out: p.Err, columns: p.Width(p.Err), last: []byte("\n")}
	g.end = p.Every(progressInterval, g.show)
	return g
}

// show writes the line over the one before. There is nobody to tell when it fails.
func (g *progress) show() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	line := g.doing
	switch {
	case line != "":
	case g.bytes == 0:
		line = "waiting for the render"
	default:
		line = fmt.Sprintf("reading %s, %s", megabytes(g.bytes), count(g.documents, "document"))
	}
	line += " …"
	if g.columns > 0 {
		line = cut(line, g.columns-1) // one that wraps could not be erased
	}
	_, _ = io.WriteString(g.out, "\r\x1b[K"+line)
	g.shown = true
}

// phase says what is done from now on.
func (g *progress) phase(format string, args ...any) {
	if g == nil {
		return
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.doing = fmt.Sprintf(format, args...)
}

// stop erases the line, if there is one. It can be called again.
func (g *progress) stop() {
	if g == nil || g.end == nil {
		return
	}
	g.end()
	g.end = nil
	if g.shown {
		_, _ = io.WriteString(g.out, "\r\x1b[K")
	}
}

// watch counts what is read. A regular file is read at once, and stays one.
func (g *progress) watch(r io.Reader) io.Reader {
	if g == nil || sizeOf(r) > 0 {
		return r
	}
	return &watched{r, g}
}

type watched struct {
	io.Reader
	progress *progress
}

// Read implements io.Reader.
func (w *watched) Read(chunk []byte) (int, error) {
	n, err := w.Reader.Read(chunk)
	w.progress.read(chunk[:n])
	return n, err
}

func (g *progress) read(chunk []byte) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	const separator = "\n---"
	if g.bytes == 0 && len(chunk) > 0 && chunk[0] != separator[1] {
		g.documents = 1 // the first has no separator
	}
	edge := len(separator) - 1
	seam := slices.Concat(g.last, chunk[:min(len(chunk), edge)])
	g.documents += bytes.Count(seam, []byte(separator)) + bytes.Count(chunk, []byte(separator))
	g.bytes += len(chunk)
	g.last = slices.Concat(g.last, chunk[max(len(chunk)-edge, 0):])
	g.last = g.last[max(len(g.last)-edge, 0):]
}

func megabytes(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
