package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// row is a line of the table.
type row struct {
	id, number, what string
	value            ratio
	// bound is the target, 0 for a row that is there to be compared with. The value
	// must not be above it, or, where least is set, not below it.
	bound float64
	least bool
	// machine says that the value depends on the machine, so that it is not guarded.
	machine bool
}

// holds judges by the clock, as a user does; what is said of one core, and depends on
// the machine, by the time that the core was ours.
func (r row) holds() bool {
	value := r.value.Clock
	if r.machine && r.value.CPU > 0 {
		value = r.value.CPU
	}
	if r.least {
		return value >= r.bound
	}
	return r.bound == 0 || value <= r.bound
}

// bench measures.
type bench struct {
	*inputs
	*peers
	rounds      int
	guard, full bool
	only        string
	stored      map[string]ratio // what an earlier run measured
}

// step measures some rows of the table.
type step struct {
	name    string
	measure func(*bench) ([]row, error)
	// slow ones are left out by the guard.
	slow bool
}

var steps = []step{
	{"usual", (*bench).usualCase, false},
	{"start-up", (*bench).startUp, false},
	{"init", (*bench).initialisation, false},
	{"linear", (*bench).linear, true},
	{"streams", (*bench).streams, false},
	{"large", (*bench).largeStream, true},
	{"lists", (*bench).lists, false},
	{"lines", (*bench).fewLines, false},
}

func stepNames() []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	return names
}

// rows measures every row of the table, or the quick ones.
func (b *bench) rows() ([]row, error) {
	var all []row
	for _, step := range steps {
		if b.guard && step.slow || b.only != "" && b.only != step.name {
			continue
		}
		rows, err := step.measure(b)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			fmt.Fprintf(os.Stderr, "%-28s %8s  target %s\n", r.id, number(r.value.Clock), r.target())
		}
		all = append(all, rows...)
	}
	return all, nil
}

const mebibyte = 1 << 20

func (b *bench) usualCase() ([]row, error) {
	stream, err := b.file("full.yaml", b.inputs.full)
	if err != nil {
		return nil, err
	}
	kustomize, _, err := b.kustomizeBuild(b.inputs, "full", b.inputs.full)
	if err != nil {
		return nil, err
	}
	commands := map[string]command{
		"ours":      b.postRender(b.inputs, stream),
		"kustomize": kustomize,
		"kyaml":     {path: b.kyaml, stdin: stream},
		"cat":       {path: "cat", stdin: stream},
	}
	if b.ytt != "" {
		if commands["ytt"], err = b.yttCommand(b.inputs, stream); err != nil {
			return nil, err
		}
	}
	took, err := sideBySide(b.rounds, commands)
	if err != nil {
		return nil, err
	}
	peak, err := b.peak(commands["ours"])
	if err != nil {
		return nil, err
	}
	rows := []row{
		{id: "usual/kustomize", number: "1", what: "default render, ours ÷ `kustomize build`", value: over(took["ours"], took["kustomize"]), bound: 0.1},
		{id: "usual/kyaml", what: "the same, ours ÷ kyaml's parse and print", value: over(took["ours"], took["kyaml"])},
		{id: "usual/cat", what: "the same, ours ÷ `cat`", value: over(took["ours"], took["cat"])},
		{id: "usual/memory", number: "1", what: "the same, peak memory ÷ 25 MiB", value: ratio{Clock: peak / (25 * mebibyte)}, bound: 1},
	}
	if b.ytt != "" {
		rows = append(rows, row{id: "usual/ytt", what: "the same, ours ÷ ytt with one overlay", value: over(took["ours"], took["ytt"])})
	}
	return rows, nil
}

func (b *bench) startUp() ([]row, error) {
	stream, err := b.file("registry.yaml", b.registry)
	if err != nil {
		return nil, err
	}
	kustomize, _, err := b.kustomizeBuild(b.inputs, "registry", b.registry)
	if err != nil {
		return nil, err
	}
	ours := b.postRender(b.inputs, stream)
	took, err := sideBySide(b.rounds, map[string]command{
		"ours": ours, "kustomize": kustomize,
		"helm": b.helmTemplate(b.inputs, "cert-manager.install=false"),
	})
	if err != nil {
		return nil, err
	}
	peak, err := b.peak(ours)
	return []row{
		{id: "start-up/kustomize", number: "1", what: "render without the bundle, ours ÷ `kustomize build`", value: over(took["ours"], took["kustomize"]), bound: 1},
		{id: "start-up/helm", number: "1", what: "the same, ours ÷ `helm template` of the chart", value: over(took["ours"], took["helm"]), bound: 0.3},
		{id: "start-up/memory", number: "1", what: "the same, peak memory ÷ 25 MiB", value: ratio{Clock: peak / (25 * mebibyte)}, bound: 1},
	}, err
}

var initLine = regexp.MustCompile(`(?m)^init (\S+) @.* ms, ([\d.]+) ms clock`)

// initialisation finds the package that takes longest to initialise.
func (b *bench) initialisation() ([]row, error) {
	took := map[string][]float64{}
	traced := command{path: b.ours, args: []string{"version"}, env: []string{"GODEBUG=inittrace=1"}}
	for range max(b.rounds, 5) {
		s, err := traced.run(time.Minute)
		if err != nil {
			return nil, err
		}
		for _, m := range initLine.FindAllStringSubmatch(s.stderr, -1) {
			ms, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				return nil, err
			}
			took[m[1]] = append(took[m[1]], ms)
		}
	}
	slowest := 0.0
	for _, times := range took {
		slowest = max(slowest, median(times))
	}
	return []row{{id: "start-up/init", number: "1", what: "slowest initialisation of a package ÷ 1 ms", value: ratio{Clock: slowest}, bound: 1, machine: true}}, nil
}

// streams are those in which ten documents change.
func (b *bench) streams() ([]row, error) {
	rows, err := b.stream(1000, true)
	if err != nil || b.guard {
		return rows, err
	}
	more, err := b.stream(10_000, b.full)
	return append(rows, more...), err
}

func (b *bench) stream(documents int, withKustomize bool) ([]row, error) {
	data := b.inputs.stream(documents)
	path, err := b.file(fmt.Sprintf("stream-%d.yaml", documents), data)
	if err != nil {
		return nil, err
	}
	kustomize, changes, err := b.kustomizeBuild(b.inputs, strconv.Itoa(documents), data)
	if err != nil {
		return nil, err
	}
	if changes != changedDocuments {
		return nil, fmt.Errorf("%d documents of the stream change, not %d", changes, changedDocuments)
	}
	commands := map[string]command{
		"ours":  b.postRender(b.inputs, path),
		"kyaml": {path: b.kyaml, stdin: path},
		"cat":   {path: "cat", stdin: path},
	}
	rounds, once := b.rounds, documents > 1000
	if once {
		rounds = max(b.rounds/3, 3)
	}
	if withKustomize && !once {
		commands["kustomize"] = kustomize
	}
	took, err := sideBySide(rounds, commands)
	if err != nil {
		return nil, err
	}
	if withKustomize && once { // it takes minutes
		s, err := kustomize.run(30 * time.Minute)
		if err != nil {
			return nil, err
		}
		took["kustomize"] = samples{s}
	}
	name := fmt.Sprintf("stream/%d/", documents)
	rows := []row{
		{id: name + "kyaml", number: "3", what: fmt.Sprintf("%d documents, kyaml's parse and print ÷ ours", documents), value: over(took["kyaml"], took["ours"]), bound: 50, least: true},
		{id: name + "cat", what: fmt.Sprintf("%d documents, ours ÷ `cat`", documents), value: over(took["ours"], took["cat"])},
	}
	against := row{id: name + "kustomize", number: "3", what: fmt.Sprintf("%d documents, `kustomize build` ÷ ours", documents),
		bound: map[int]float64{1000: 200, 10_000: 5000}[documents], least: true}
	switch before, measured := b.stored[against.id]; {
	case withKustomize:
		against.value = over(took["kustomize"], took["ours"])
		rows = append(rows, against)
	case measured:
		against.what += " (of the last run with -full)"
		against.value = before
		rows = append(rows, against)
	}
	return rows, nil
}

// changedDocuments is how many documents of each stream change or go: as many as the
// issue of a scenario that leaves nothing as it was.
const changedDocuments = 13

func (b *bench) largeStream() ([]row, error) {
	data := b.inputs.stream(100_000)
	path, err := b.file("stream-100000.yaml", data)
	if err != nil {
		return nil, err
	}
	ours := b.postRender(b.inputs, path)
	oneCore := ours
	oneCore.env = []string{"GOMAXPROCS=1"}
	took, err := sideBySide(b.rounds, map[string]command{"ours": ours, "one core": oneCore, "cat": {path: "cat", stdin: path}})
	if err != nil {
		return nil, err
	}
	peak, err := b.peak(ours)
	size := float64(len(data))
	return []row{
		{id: "stream/100000/throughput", number: "3", what: "100,000 documents, bytes a second on one core ÷ 150 MB/s",
			value: ratio{size / took["one core"].medianOf(byClock) / 150e6, size / took["one core"].medianOf(byCPU) / 150e6}, bound: 1, least: true, machine: true},
		{id: "stream/100000/cat", what: "the same, ours ÷ `cat`", value: over(took["ours"], took["cat"])},
		{id: "stream/100000/memory", number: "4", what: "the same, peak memory ÷ (1.5 × input + 20 MiB)", value: ratio{Clock: peak / (1.5*size + 20*mebibyte)}, bound: 1},
	}, err
}

// lists are streams as ResourceLists, as kustomize hands them to a function.
func (b *bench) lists() ([]row, error) {
	scenario, err := os.ReadFile(b.scenario)
	if err != nil {
		return nil, err
	}
	sizes := []int{1000, 4000}
	if b.guard {
		sizes = sizes[:1]
	}
	commands := map[string]command{}
	for _, documents := range sizes {
		path, err := b.file(fmt.Sprintf("list-%d.yaml", documents), resourceList(b.inputs.stream(documents), scenario))
		if err != nil {
			return nil, err
		}
		commands[fmt.Sprintf("ours %d", documents)] = command{path: b.ours, args: []string{"function", "--quiet"}, stdin: path}
		commands[fmt.Sprintf("kyaml %d", documents)] = command{path: b.kyaml, args: []string{"list"}, stdin: path}
	}
	took, err := sideBySide(max(b.rounds/3, 3), commands)
	if err != nil {
		return nil, err
	}
	rows := []row{{id: "list/1000/kyaml", number: "5", what: "ResourceList of 1,000 items, ours ÷ kyaml's decoding and encoding",
		value: over(took["ours 1000"], took["kyaml 1000"]), bound: 1.1}}
	if !b.guard {
		growth := over(took["ours 4000"], took["ours 1000"])
		rows = append(rows,
			row{id: "list/4000/kyaml", number: "5", what: "the same of 4,000 items", value: over(took["ours 4000"], took["kyaml 4000"]), bound: 1.1},
			row{id: "list/linear", number: "5", what: "cost an item of 4,000 ÷ of 1,000", value: ratio{growth.Clock / 4, growth.CPU / 4}, bound: 1.1})
	}
	return rows, nil
}

// linear measures in this process what a document costs in streams of different
// lengths. What the registry itself costs, which is the same in all of them, is
// taken off. It is half of what a short stream costs, so that the least of all rounds is
// taken, which noise moves less than the median. Each stream is read from memory that no cache holds any more, as a
// long one is anyway.
func (b *bench) linear() ([]row, error) {
	const all = 100_000
	sizes := []int{1000, 10_000, all}
	streams := map[int][][]byte{0: nil}
	for range 100 {
		streams[0] = append(streams[0], slices.Clone(b.registry))
	}
	for _, size := range sizes {
		stream := b.inputs.stream(size)
		for range all / size {
			streams[size] = append(streams[size], slices.Clone(stream))
		}
	}
	took := map[int]samples{}
	for range max(b.rounds, 9) {
		for _, size := range append([]int{0}, sizes...) {
			s, err := b.inProcess(streams[size])
			if err != nil {
				return nil, err
			}
			took[size] = append(took[size], s)
		}
	}
	spread := func(value func(sample) float64) float64 {
		registry := took[0].leastOf(value) / 100
		var costs []float64
		for _, size := range sizes {
			costs = append(costs, took[size].leastOf(value)-registry*float64(all/size))
		}
		fmt.Fprintln(os.Stderr, "linear: seconds for 100,000 documents in streams of", sizes, costs)
		return slices.Max(costs) / slices.Min(costs)
	}
	return []row{{id: "linear", number: "2", what: "cost a document in streams of 1,000, 10,000 and 100,000, dearest ÷ cheapest",
		value: ratio{spread(byClock), spread(byCPU)}, bound: 1.1}}, nil
}

// inProcess patches streams in this process.
func (b *bench) inProcess(streams [][]byte) (sample, error) {
	start, before := time.Now(), processorTime()
	for _, stream := range streams {
		set, err := patched(stream, b.scenario)
		if err != nil {
			return sample{}, err
		}
		if _, err := set.WriteTo(nowhere{}); err != nil {
			return sample{}, err
		}
	}
	return sample{clock: time.Since(start), cpu: processorTime() - before}, nil
}

// nowhere is not io.Discard, which may be treated specially.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // fails for no caller that exists
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var fewLinesResult = regexp.MustCompile(`lines changed ÷ fewest: ([\d.]+)`)

// fewLines is measured by a test of the transformers.
func (b *bench) fewLines() ([]row, error) {
	text, err := goOutput("", "test", "-count=1", "-v", "-run", "^TestFewLinesChange$", module+"/transformers")
	if err != nil {
		return nil, err
	}
	m := fewLinesResult.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("TestFewLinesChange says no ratio:\n%s", text)
	}
	value, err := strconv.ParseFloat(m[1], 64)
	return []row{{id: "lines", number: "6", what: "lines of diff over every fixture ÷ the fewest that the change needs", value: ratio{Clock: value}, bound: 1.1}}, err
}

// target is the bound as it is written.
func (r row) target() string {
	switch {
	case r.bound == 0:
		return ""
	case r.least:
		return "≥ " + number(r.bound)
	}
	return "≤ " + number(r.bound)
}

// number writes a ratio with three digits that count.
func number(value float64) string {
	if value >= 100 {
		text := strconv.FormatFloat(value, 'f', 0, 64)
		if len(text) > 3 {
			return text[:len(text)-3] + "," + text[len(text)-3:]
		}
		return text
	}
	return strings.TrimSuffix(fmt.Sprintf("%.3g", value), ".0")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
