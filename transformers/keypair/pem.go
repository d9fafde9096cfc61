package keypair

import (
	"bytes"
	"encoding/pem"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
)

var (
	beginMark = []byte("-----BEGIN ")
	endMark   = []byte("-----END ")
)

// blocks splits data into its PEM blocks and says where text stands beside them:
// "before", "between" or "after", or nowhere. Unlike pem.Decode it does not skip
// a block that is cut short or damaged, it reports it.
func (c *check) blocks(data []byte, path *field.Path) (blocks []*pem.Block, text string) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for n := 1; ; n++ {
		start := bytes.Index(data, beginMark)
		stray := data
		if start >= 0 {
			stray = data[:start]
		}
		if len(bytes.TrimSpace(stray)) > 0 && text == "" {
			switch {
			case start < 0 && n > 1:
				text = "after"
			case start >= 0 && n == 1:
				text = "before"
			case n > 1:
				text = "between"
			}
		}
		if start < 0 {
			return blocks, text
		}
		data = data[start:]
		block, rest := next(data)
		switch {
		case block != nil:
			blocks = append(blocks, block)
		case rest == nil:
			c.fail(codes.PEMDamaged, path, "block %d has no end; write the whole of it, up to its END line", n)
			return blocks, text
		default:
			c.fail(codes.PEMDamaged, path, "block %d is damaged: its lines are not base64, are indented, or its BEGIN and END differ; write it anew from its source", n)
		}
		data = rest
	}
}

// next decodes the block that data begins with. The block is nil if it is
// damaged, rest too if it has no end.
func next(data []byte) (block *pem.Block, rest []byte) {
	end := bytes.Index(data, endMark)
	if again := bytes.Index(data[len(beginMark):], beginMark); again >= 0 && (end < 0 || again+len(beginMark) < end) {
		// The next block begins before this one ends.
		return nil, data[again+len(beginMark):]
	}
	if end < 0 {
		return nil, nil
	}
	rest = []byte{}
	if eol := bytes.IndexByte(data[end:], '\n'); eol >= 0 {
		data, rest = data[:end+eol+1], data[end+eol+1:]
	}
	block, trailing := pem.Decode(data)
	if len(bytes.TrimSpace(trailing)) > 0 {
		return nil, rest
	}
	return block, rest
}

// failed says that something was reported at path.
func (c *check) failed(path *field.Path) bool {
	return slices.ContainsFunc(c.errs, func(e *field.Error) bool { return e.Field == path.String() })
}

// shortType is a block's type for a message; any text can stand there, so only
// what looks like a type is repeated.
func shortType(t string) string {
	if len(t) > 40 || strings.Trim(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") != "" {
		return "unknown"
	}
	return t
}
