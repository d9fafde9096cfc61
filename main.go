// Command connected-registry-scenario makes a written-down security scenario hold
// on a rendered Azure connected registry chart.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/connected-registry/scenario/plugin"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is then an error like any other
	os.Exit(plugin.Main(os.Args[1:], plugin.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, plugin.System()))
}
