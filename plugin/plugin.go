// Package plugin is the program's edges: the command line, Helm's post-renderer,
// kustomize's two kinds of plugin. It alone touches files, the environment and
// terminals; everything else is package transformers.
package plugin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
)

// Streams are the program's standard streams.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Exit codes. Scripts rely on them, so they never change.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// program is one run of the program.
type program struct {
	Streams
	Host
	progress *progress // nil where none is shown
}

// usageError is a mistake in how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{codes.Errorf(codes.CommandLine, format, args...)}
}

// exitError is an error that has been told already, or is told by its code alone.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Execute is the whole of a main function.
func Execute() {
	if os.Getenv("GOGC") == "" {
		// A run is over in milliseconds, a third of which the collector would take
		// without making the peak any lower: what is large is the input, once.
		debug.SetGCPercent(400)
	}
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is then an error like any other
	os.Exit(Main(os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, System()))
}

// Commands returns the commands, for what writes pages about them.
func Commands() *cobra.Command {
	return (&program{Host: System()}).rootCommand()
}

// Main runs the program with the arguments that follow its name and returns its
// exit code: 0, 1 for a failure, 2 for a mistake on the command line. Helm 4 is told
// of a failure otherwise; see runUnderHelm4.
func Main(args []string, streams Streams, host Host) int {
	if len(args) > 0 && args[0] == helm4Command {
		return runUnderHelm4(args[1:], streams, host)
	}
	return run(args, streams, host)
}

func run(args []string, streams Streams, host Host) int {
	p := &program{Streams: streams, Host: host}
	root := p.rootCommand()
	if args == nil {
		args = []string{} // cobra takes nil for the arguments of the process
	}
	root.SetArgs(args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	command, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	if told, ok := errors.AsType[exitError](err); ok {
		return int(told)
	}
	p.tellErrors(err)
	if _, ok := errors.AsType[diffError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[usageError](err); ok {
		p.tellLine("See '" + command.CommandPath() + " --help'.")
		return exitUsage
	}
	return exitFailure
}

// tellErrors writes an error's problems to stderr, each on a line of its own.
func (p *program) tellErrors(err error) {
	for _, problem := range problemsOf(err) {
		for line := range strings.Lines(problem.text) {
			p.tellLine("error: " + strings.TrimRight(line, "\r\n"))
		}
	}
}
