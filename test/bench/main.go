// Command bench compares the program with others that patch manifests: whole
// processes on the same input, side by side, several rounds, medians. It writes
// docs/performance.md and ratios.json, or compares with the latter.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	scenarioFile = "fixtures/scenarios/own-trust-distribution/scenario.yaml"
	pageFile     = "docs/performance.md"
	ratiosFile   = "test/bench/ratios.json"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	b := &bench{}
	flag.BoolVar(&b.guard, "guard", false, "measure a part, and fail where a stored ratio has worsened by half or more")
	flag.BoolVar(&b.full, "full", false, "let kustomize build 10,000 documents too, which takes it minutes")
	flag.StringVar(&b.only, "only", "", "measure one `STEP` alone, and keep its ratios without writing the page: "+strings.Join(stepNames(), ", "))
	flag.IntVar(&b.rounds, "rounds", 9, "how often each program is run")
	flag.Parse()

	root, err := goOutput("", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if b.inputs, err = newInputs(dir, filepath.Join(root, scenarioFile)); err != nil {
		return err
	}
	if b.peers, err = buildPeers(dir); err != nil {
		return err
	}
	if b.stored, err = readRatios(); err != nil {
		return err
	}
	rows, err := b.rows()
	if err != nil {
		return err
	}
	if b.guard {
		return worsened(rows, b.stored)
	}
	if err := writeRatios(rows, b.stored); err != nil {
		return err
	}
	if b.only != "" {
		return nil
	}
	return writePage(rows, b.ytt != "")
}

// readRatios reads what an earlier run has stored.
func readRatios() (map[string]ratio, error) {
	stored := map[string]ratio{}
	text, err := os.ReadFile(ratiosFile)
	if os.IsNotExist(err) {
		return stored, nil
	}
	if err != nil {
		return nil, err
	}
	return stored, json.Unmarshal(text, &stored)
}

// writeRatios keeps what was not measured this time.
func writeRatios(rows []row, stored map[string]ratio) error {
	for _, r := range rows {
		stored[r.id] = ratio{rounded(r.value.Clock), rounded(r.value.CPU)}
	}
	text, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(ratiosFile, append(text, '\n'), 0o644)
}

// worsened is an error that lists the ratios that are worse by half or more than
// those stored, by the clock and by processor time. One of the two alone may be
// the neighbours.
func worsened(rows []row, stored map[string]ratio) error {
	var worse []string
	for _, r := range rows {
		before, known := stored[r.id]
		if !known || r.machine || r.bound == 0 {
			continue
		}
		if r.worse(before.Clock, r.value.Clock) && (before.CPU == 0 || r.worse(before.CPU, r.value.CPU)) {
			worse = append(worse, fmt.Sprintf("%s: %s, was %s", r.id, number(r.value.Clock), number(before.Clock)))
		}
	}
	if len(worse) > 0 {
		return fmt.Errorf("worse by half or more:\n%s", strings.Join(worse, "\n"))
	}
	return nil
}

func (r row) worse(before, now float64) bool {
	if r.least {
		return now*1.5 <= before
	}
	return now >= before*1.5
}
