// Command peak runs another program and writes to stderr how many bytes of memory
// it had resident at most. The kernel counts what the process that starts a program
// holds into that, so that it has to be a small one.
package main

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	if err := cmd.Run(); err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		_, _ = os.Stderr.WriteString(strconv.FormatInt(usage.Maxrss*1024, 10))
	}
}
