// Package lazyregexp compiles regular expressions when they are first used. A run
// uses few of those that there are, and compiling all took a tenth of a short one.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns what compiles an expression once. It panics there if that is none, as
// [regexp.MustCompile] does.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
