// Command connected-registry-scenario makes a written-down security scenario hold
// on a rendered Azure connected registry chart.
package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/connected-registry/scenario/plugin"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// A run is over in milliseconds, a third of which the collector would take
		// without making the peak any lower: what is large is the input, once.
		debug.SetGCPercent(400)
	}
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is then an error like any other
	os.Exit(plugin.Main(os.Args[1:], plugin.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, plugin.System()))
}
