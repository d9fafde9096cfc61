package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

// command is a program as it is run to be measured.
type command struct {
	path string
	args []string
	// stdin is a file that is piped in, as hosts do; empty for none.
	stdin string
	env   []string
}

// sample is what one run took.
type sample struct {
	clock, cpu time.Duration
	stderr     string
}

// run runs the command once. Its output is thrown away by the kernel.
func (c command) run(timeout time.Duration) (sample, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return sample{}, err
		}
		defer func() { _ = f.Close() }()
		cmd.Stdin = struct{ io.Reader }{f} // a file itself would not be piped
	}
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", cmd, err, errOut.String())
	}
	return sample{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), errOut.String()}, nil
}

// peak is the most memory that a command has resident, in bytes, the median of a
// few runs.
func (p *peers) peak(c command) (float64, error) {
	c.path, c.args = p.peakOf, append([]string{c.path}, c.args...)
	var peaks []float64
	for range 5 {
		s, err := c.run(10 * time.Minute)
		if err != nil {
			return 0, err
		}
		bytes, err := strconv.ParseFloat(s.stderr, 64)
		if err != nil {
			return 0, err
		}
		peaks = append(peaks, bytes)
	}
	return median(peaks), nil
}

// samples are the runs of one command.
type samples []sample

// sideBySide runs all commands in turn, several times, so that what else the
// machine does hits all of them alike.
func sideBySide(rounds int, commands map[string]command) (map[string]samples, error) {
	taken := map[string]samples{}
	names := sortedKeys(commands)
	for range rounds {
		for _, name := range names {
			s, err := commands[name].run(10 * time.Minute)
			if err != nil {
				return nil, err
			}
			taken[name] = append(taken[name], s)
		}
	}
	return taken, nil
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func (s samples) leastOf(value func(sample) float64) float64 {
	least := value(s[0])
	for _, one := range s[1:] {
		least = min(least, value(one))
	}
	return least
}

func (s samples) medianOf(value func(sample) float64) float64 {
	var values []float64
	for _, one := range s {
		values = append(values, value(one))
	}
	return median(values)
}

func byClock(s sample) float64 { return s.clock.Seconds() }
func byCPU(s sample) float64   { return s.cpu.Seconds() }

// ratio is one measured quantity as a part of another.
type ratio struct {
	Clock float64 `json:"clock"`
	// CPU is the same by processor time, which neighbours on the machine disturb
	// less; 0 where it is not about time.
	CPU float64 `json:"cpu,omitempty"`
}

// over is how much time the first takes as a part of the second.
func over(a, b samples) ratio {
	return ratio{a.medianOf(byClock) / b.medianOf(byClock), a.medianOf(byCPU) / b.medianOf(byCPU)}
}
