package plugin

import (
	"context"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/term"
)

// Host is what the program asks its surroundings for.
type Host struct {
	LookupEnv func(name string) (string, bool)
	ReadFile  func(path string) ([]byte, error)
	Getwd     func() (string, error)
	Now       func() time.Time
	// Every calls do time and again, from another goroutine, until it is stopped; stop
	// waits for a call that is under way. Nil where nobody watches.
	Every func(interval time.Duration, do func()) (stop func())
	// IsTerminal says whether a stream is one that a person sits at.
	IsTerminal func(stream any) bool
	// Width is a terminal's number of columns, 0 where it is not known.
	Width func(stream any) int
	// Run runs a program and returns what it writes to stdout.
	Run func(ctx context.Context, path string, args ...string) ([]byte, error)
	// OpenTerminal opens the terminal that the user sits at, whatever the streams are.
	OpenTerminal func() (io.WriteCloser, error)
	// SaveReport keeps what a run under Helm 4 had to say, in a file of the user's.
	SaveReport func(text string) error
}

// System is the machine that the program runs on.
func System() Host {
	return Host{
		LookupEnv:  os.LookupEnv,
		ReadFile:   os.ReadFile,
		Getwd:      os.Getwd,
		Now:        time.Now,
		Every:      every,
		IsTerminal: isTerminal,
		Width:      width,
		Run:        runProgram,

		OpenTerminal: openTerminal,
		SaveReport:   saveReport,
	}
}

func runProgram(ctx context.Context, path string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = time.Second // for what it has started and left behind
	return cmd.Output()
}

func every(interval time.Duration, do func()) (stop func()) {
	ticker, stopped, ended := time.NewTicker(interval), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stopped:
				return
			case <-ticker.C:
				do()
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(stopped)
		<-ended
	}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func width(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// env returns a variable of the environment; one that is empty counts as not set.
func (h Host) env(name string) string {
	value, _ := h.LookupEnv(name)
	return value
}
