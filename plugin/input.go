package plugin

import (
	"errors"
	"io"
	"io/fs"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

const (
	chunkSize = 1 << 20
	// manyChunks is where memory begins to matter more than the milliseconds that
	// it takes to hand it back.
	manyChunks = 32
)

// readStdin reads all of stdin into one buffer of the right size. The input may
// be large, and a buffer that grows would be there twice each time it does.
func (p *program) readStdin() ([]byte, error) {
	if p.IsTerminal(p.In) {
		return nil, usagef("stdin is a terminal; pipe a render into it, as in: helm template RELEASE CHART | %s …", name)
	}
	input, err := read(p.progress.watch(p.In))
	if err != nil {
		return nil, codes.Errorf(codes.StreamFailed, "cannot read stdin: %w", err)
	}
	return input, nil
}

func read(r io.Reader) ([]byte, error) {
	known := make([]byte, sizeOf(r))
	n, err := io.ReadFull(r, known)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // read from the middle on, or cut meanwhile
		return known[:n], nil
	case err != nil:
		return nil, err
	}
	rest, err := readChunks(r)
	if err != nil || len(rest) == 0 {
		return known, err
	}
	return join(append([][]byte{known}, rest...)), nil
}

// sizeOf is the size of a regular file, and 0 for everything else.
func sizeOf(r io.Reader) int64 {
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// readChunks reads a stream of unknown size without ever moving what it has read.
func readChunks(r io.Reader) ([][]byte, error) {
	var chunks [][]byte
	size := 4 << 10 // most renders are small, and most regular files end here
	for {
		chunk := make([]byte, size)
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			chunks = append(chunks, chunk[:n])
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return chunks, nil
		case err != nil:
			return nil, err
		}
		size = min(size*4, chunkSize)
	}
}

// join moves chunks to one buffer. Of many chunks, those that were moved are given
// back as it goes on, so that no more than a part is ever there twice.
func join(chunks [][]byte) []byte {
	if len(chunks) == 1 {
		return chunks[0]
	}
	size := 0
	for _, chunk := range chunks {
		size += len(chunk)
	}
	whole := make([]byte, size) // takes no memory before it is written to
	step := max(len(chunks)/8, manyChunks)
	at := 0
	for i, chunk := range chunks {
		at += copy(whole[at:], chunk)
		chunks[i] = nil
		if i%step == step-1 {
			debug.FreeOSMemory()
		}
	}
	return whole
}

// readRender reads a render, - for stdin, and says what messages call it.
func (p *program) readRender(path string) (input []byte, shown string, err error) {
	if path == "-" {
		input, err = p.readStdin()
		return input, "stdin", err
	}
	if input, err = p.ReadFile(path); err != nil {
		return nil, "", p.cannotRead("render", path, err)
	}
	return input, path, nil
}

// oneRender accepts the arguments [RENDER|-].
func oneRender(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%d renders are given, expected one at most", len(args))
	}
	return nil
}

// cannotRead says which file and where it was looked for.
func (p *program) cannotRead(what, path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	where := ""
	if cwd, err := p.Getwd(); err == nil {
		where = ", which is looked for from " + cwd
	}
	return codes.Errorf(codes.FileUnreadable, "cannot read the %s %s: %w; check the path%s", what, path, err, where)
}

// parse takes a stream of manifests, or a ResourceList for one.
func parse(input []byte) (*resource.Set, error) {
	if isResourceList(input) {
		return resource.ParseResourceList(input)
	}
	return resource.ParseStream(input)
}

// parseSome is parse for callers that have no use for a render of nothing.
func parseSome(input []byte, from string) (*resource.Set, error) {
	set, err := parse(input)
	if err == nil && set.Len() == 0 {
		return nil, codes.Errorf(codes.NoManifests, "%s holds no manifests; render the chart with helm template RELEASE CHART", from)
	}
	return set, err
}
