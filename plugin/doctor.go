package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/scenario"
)

const doctorHelp = `Look at this machine: which Helm, kustomize and kubectl are on the PATH, whether
they find this program, and which flags each of them needs to run it. With the
folder of a kustomization, look at the scenarios that it lists, too.

Nothing is changed. The exit code is 1 if anything is an error, and 0 if not.`

const doctorExamples = `  ` + name + ` doctor
  ` + name + ` doctor overlays/factory-floor`

// doctorTimeout is how long a program may take to tell its version.
const doctorTimeout = 10 * time.Second

// How a finding is to be taken.
const (
	levelOK    = "ok"
	levelWarn  = "warn"
	levelError = "error"
)

// finding is a line of doctor's.
type finding struct {
	Level   string `json:"level"`
	Subject string `json:"subject"`
	Message string `json:"message"`
	// Fix says what to do, Use how the host is to be called.
	Fix string `json:"fix,omitempty"`
	Use string `json:"use,omitempty"`
}

// examination collects findings.
type examination struct {
	*program
	findings []finding
}

func (p *program) doctorCommand() *cobra.Command {
	var output *choice
	cmd := &cobra.Command{
		Use:     "doctor [KUSTOMIZATION]",
		Short:   "Say whether Helm and kustomize here can run this program",
		Long:    doctorHelp,
		Example: doctorExamples,
		GroupID: groupPeople,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%d folders are given, expected one at most", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			findings := p.examine(args)
			write := p.writeFindings
			if output.value == "json" {
				write = func(findings []finding) error { return p.writeJSON(findings) }
			}
			if err := write(findings); err != nil {
				return err
			}
			if slices.ContainsFunc(findings, func(f finding) bool { return f.Level == levelError }) {
				return exitError(exitFailure)
			}
			return nil
		},
	}
	output = addChoice(cmd, "output", "`FORMAT`", "text", "json")
	return cmd
}

func (p *program) examine(kustomizations []string) []finding {
	e := &examination{program: p}
	e.add(finding{Level: levelOK, Subject: name, Message: "version " + version()})
	e.helm()
	e.kustomize()
	e.kubectl()
	e.legacyPlugin()
	for _, dir := range kustomizations {
		before := len(e.findings)
		e.kustomization(dir)
		if len(e.findings) == before {
			e.add(finding{Level: levelWarn, Subject: dir, Message: "lists no scenario", Fix: "list the scenario's file under transformers"})
		}
	}
	return e.findings
}

func (e *examination) add(f finding) {
	f.Message, f.Fix = printable(scrub(f.Message)), printable(scrub(f.Fix))
	e.findings = append(e.findings, f)
}

// ask runs a program that is to say something about itself.
func (e *examination) ask(path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), doctorTimeout)
	defer cancel()
	out, err := e.Run(ctx, path, args...)
	if ctx.Err() != nil {
		return "", fmt.Errorf("it gave no answer within %s", doctorTimeout)
	}
	return strings.TrimSpace(string(out)), err
}

// onPath finds programs as a shell does, each file once. The first of a name is
// the one that a shell runs.
func (e *examination) onPath(names ...string) []string {
	var found, files []string
	for _, name := range names {
		for _, dir := range filepath.SplitList(e.env("PATH")) {
			path := filepath.Join(dir, name)
			file, err := filepath.EvalSymlinks(path)
			if dir == "" || err != nil || slices.Contains(files, file) {
				continue
			}
			if info, err := os.Stat(file); err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
				continue
			}
			found, files = append(found, path), append(files, file)
		}
	}
	return found
}

var majorVersion = lazyregexp.New(`^v?(\d+)\.\d+`)

// helm looks for every Helm on the PATH: two of them share a folder of plugins
// unless told otherwise.
func (e *examination) helm() {
	paths := e.onPath("helm", "helm3", "helm4")
	if len(paths) == 0 {
		e.add(finding{Level: levelWarn, Subject: "helm", Message: "not on the PATH"})
	}
	for _, path := range paths {
		answer, err := e.ask(path, "version", "--short")
		major := majorVersion().FindStringSubmatch(answer)
		if err != nil || major == nil {
			e.add(unclear("helm", path, answer, err))
			continue
		}
		switch major[1] {
		case "3":
			e.helm3(path, answer)
		case "4":
			e.helm4(path, answer)
		default:
			e.add(finding{Level: levelWarn, Subject: "helm", Message: path + " is " + answer + ", which this program was not tested with",
				Fix: "use Helm 3 or 4"})
		}
	}
}

func unclear(subject, path, answer string, err error) finding {
	message := fmt.Sprintf("%s does not tell its version", path)
	if err != nil {
		message += ": " + err.Error()
	} else if answer != "" {
		message += fmt.Sprintf(": it says %q", strings.SplitN(answer, "\n", 2)[0])
	}
	return finding{Level: levelWarn, Subject: subject, Message: message, Fix: "run " + path + " version"}
}

func (e *examination) helm3(path, version string) {
	e.add(finding{Level: levelOK, Subject: "helm 3", Message: path + " is " + version,
		Use: "--post-renderer " + name + " --post-renderer-args=--scenario=FILE"})
	for _, plugin := range e.helmPlugins(path) {
		if plugin.apiVersion == "" {
			continue
		}
		e.add(finding{Level: levelError, Subject: "helm 3",
			Message: fmt.Sprintf("%s is the descriptor of a Helm 4 plugin (apiVersion: %s); Helm 3 cannot read it, and then loads no plugin at all", plugin.file, plugin.apiVersion),
			Fix:     "give Helm 4 a folder of its own: HELM_PLUGINS=FOLDER helm4 plugin install …"})
	}
}

func (e *examination) helm4(path, version string) {
	installed := slices.ContainsFunc(e.helmPlugins(path), func(p helmPlugin) bool {
		return p.name == name && p.kind == "postrenderer/v1"
	})
	f := finding{Level: levelOK, Subject: "helm 4", Message: path + " is " + version + ", and has the plugin " + name,
		Use: "--post-renderer " + name + " --post-renderer-args=--scenario=FILE"}
	if !installed {
		f.Level, f.Message = levelWarn, path+" is "+version+", and has no plugin "+name+"; it takes post-renderers from plugins only"
		f.Fix = "install the plugin: see docs/helm.md"
	}
	e.add(f)
}

// helmPlugin is what matters of a plugin.yaml.
type helmPlugin struct{ file, apiVersion, kind, name string }

// helmPlugins reads the descriptors in the folders that a Helm takes plugins from.
func (e *examination) helmPlugins(helm string) []helmPlugin {
	folders, err := e.ask(helm, "env", "HELM_PLUGINS")
	if err != nil {
		e.add(finding{Level: levelWarn, Subject: "helm", Message: helm + " does not tell its folder of plugins: " + err.Error()})
		return nil
	}
	var plugins []helmPlugin
	for _, folder := range filepath.SplitList(folders) {
		files, _ := filepath.Glob(filepath.Join(folder, "*", "plugin.yaml")) // an error is for patterns only
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			descriptor, err := yaml.Parse(string(data))
			if err != nil {
				e.add(finding{Level: levelWarn, Subject: "helm", Message: file + " cannot be read: " + strings.SplitN(err.Error(), "\n", 2)[0]})
				continue
			}
			n := descriptor.YNode()
			plugins = append(plugins, helmPlugin{file, scalarAt(n, "apiVersion"), scalarAt(n, "type"), scalarAt(n, "name")})
		}
	}
	return plugins
}

const (
	useLegacy   = "kustomize build --enable-alpha-plugins DIR"
	useFunction = "kustomize build --enable-alpha-plugins --enable-exec DIR"
)

func (e *examination) kustomize() {
	paths := e.onPath("kustomize")
	if len(paths) == 0 {
		e.add(finding{Level: levelWarn, Subject: "kustomize", Message: "not on the PATH"})
		return
	}
	answer, err := e.ask(paths[0], "version")
	if err != nil || !majorVersion().MatchString(answer) {
		e.add(unclear("kustomize", paths[0], answer, err))
		return
	}
	e.add(finding{Level: levelOK, Subject: "kustomize", Message: paths[0] + " is " + answer,
		Use: useLegacy + ", and for a KRM function --enable-exec as well: without it kustomize skips the function silently"})
}

// kubectl has a kustomize built in, which knows no --enable-exec.
func (e *examination) kubectl() {
	paths := e.onPath("kubectl")
	if len(paths) == 0 {
		return
	}
	answer, err := e.ask(paths[0], "version", "--client", "--output", "json")
	var version struct {
		KustomizeVersion string `json:"kustomizeVersion"`
	}
	if err != nil || json.Unmarshal([]byte(answer), &version) != nil || version.KustomizeVersion == "" {
		e.add(unclear("kubectl", paths[0], answer, err))
		return
	}
	e.add(finding{Level: levelOK, Subject: "kubectl", Message: paths[0] + " has kustomize " + version.KustomizeVersion + " built in, which runs the legacy plugin and no KRM exec function",
		Use: "kubectl kustomize --enable-alpha-plugins DIR | kubectl apply -f -, as kubectl apply -k runs no plugins"})
}

// legacyPlugin looks where kustomize does.
func (e *examination) legacyPlugin() {
	const subject = "kustomize plugin"
	install := "run: " + name + " install kustomize-plugin"
	stated, usual := e.kustomizeHomes()
	home := firstDirectory(append(stated, usual...))
	if home == "" {
		e.add(finding{Level: levelWarn, Subject: subject, Message: "not installed, and kustomize finds no folder of plugins", Fix: install})
		return
	}
	target := legacyPluginPath(home)
	file, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.add(finding{Level: levelWarn, Subject: subject, Message: "not installed: kustomize looks for " + target, Fix: install})
	case err != nil:
		e.add(finding{Level: levelError, Subject: subject, Message: err.Error(), Fix: "make it readable"})
	case !file.Mode().IsRegular() || !isThisProgram(target):
		e.add(finding{Level: levelError, Subject: subject, Message: target + " is there and is not " + name + "; kustomize runs it for every scenario",
			Fix: "look at what it is and move it away, then " + install})
	case file.Mode().Perm()&0o111 == 0:
		e.add(finding{Level: levelError, Subject: subject, Message: target + " cannot be executed", Fix: install})
	default:
		e.installedVersion(target, install)
	}
}

func (e *examination) installedVersion(target, install string) {
	const subject = "kustomize plugin"
	answer, err := e.ask(target, "version")
	there, ours := strings.CutPrefix(answer, name+" version ")
	switch {
	case err != nil || !ours:
		e.add(unclear(subject, target, answer, err))
	case there != version():
		e.add(finding{Level: levelWarn, Subject: subject, Message: target + " is version " + there + ", and this is " + version(), Fix: install})
	default:
		e.add(finding{Level: levelOK, Subject: subject, Message: target + " is this version"})
	}
}

// kustomizationFiles are the names that kustomize takes a folder's file by.
var kustomizationFiles = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// kustomization looks at the scenarios that a kustomization, and those that it is
// made of, list as transformers.
func (e *examination) kustomization(dir string) {
	for _, file := range kustomizationFiles {
		path := filepath.Join(dir, file)
		data, err := e.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			e.add(finding{Level: levelError, Subject: path, Message: err.Error()})
			return
		}
		root, err := yaml.Parse(string(data))
		if err != nil {
			e.add(finding{Level: levelError, Subject: path, Message: "no YAML: " + strings.SplitN(err.Error(), "\n", 2)[0]})
			return
		}
		e.transformers(dir, root)
		return
	}
	e.add(finding{Level: levelError, Subject: dir, Message: "there is no kustomization in it", Fix: "name a folder with a kustomization.yaml"})
}

func (e *examination) transformers(dir string, root *yaml.RNode) {
	for _, below := range []string{"resources", "components"} {
		for _, entry := range entries(root, below) {
			if folder := filepath.Join(dir, entry); hasKustomization(folder) {
				e.kustomization(folder)
			}
		}
	}
	for _, entry := range entries(root, "transformers") {
		path := filepath.Join(dir, entry)
		text := entry // written into the kustomization itself
		if !strings.Contains(entry, "\n") {
			data, err := e.ReadFile(path)
			if err != nil {
				continue // a folder, or somebody else's
			}
			text = string(data)
		} else {
			path = dir
		}
		e.scenarios(dir, path, text)
	}
}

func hasKustomization(dir string) bool {
	return slices.ContainsFunc(kustomizationFiles, func(file string) bool {
		_, err := os.Stat(filepath.Join(dir, file))
		return err == nil
	})
}

func entries(root *yaml.RNode, field string) []string {
	list, err := root.Pipe(yaml.Lookup(field))
	if err != nil || list == nil {
		return nil
	}
	var texts []string
	for _, n := range list.Content() {
		texts = append(texts, n.Value)
	}
	return texts
}

// scenarios says how kustomize will call each scenario of a file.
func (e *examination) scenarios(dir, path, text string) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return // the end, or what kustomize will complain about
		}
		n := yaml.NewRNode(&document)
		if n.GetKind() != scenario.Kind {
			continue
		}
		subject := path + " (" + n.GetName() + ")"
		function := n.GetAnnotations()["config.kubernetes.io/function"]
		if function == "" {
			e.add(finding{Level: levelOK, Subject: subject, Message: "runs as a legacy plugin", Use: useLegacy})
			continue
		}
		e.function(dir, subject, function)
	}
}

// function warns always: nothing shows afterwards that a function was skipped.
func (e *examination) function(dir, subject, annotation string) {
	program := ""
	if spec, err := yaml.Parse(annotation); err == nil {
		if path, err := spec.Pipe(yaml.Lookup("exec", "path")); err == nil && path != nil {
			program = path.YNode().Value
		}
	}
	f := finding{Level: levelWarn, Subject: subject, Use: useFunction,
		Message: "runs as a KRM function; with --enable-alpha-plugins alone kustomize skips it and says nothing",
		Fix:     "give both flags, and pass the result to " + name + " verify"}
	switch {
	case program == "":
		f.Level, f.Message, f.Fix = levelError, "its annotation config.kubernetes.io/function names no exec path", "write exec: {path: "+name+"}"
	case !e.isExecutable(dir, program):
		f.Level, f.Message, f.Fix = levelError, "runs "+program+", which is not there", "correct exec.path: it is relative to the kustomization, or a name on the PATH"
	}
	e.add(f)
}

func (e *examination) isExecutable(dir, program string) bool {
	if !strings.ContainsRune(program, '/') {
		return len(e.onPath(program)) > 0
	}
	if !filepath.IsAbs(program) {
		program = filepath.Join(dir, program)
	}
	info, err := os.Stat(program)
	return err == nil && !info.IsDir() && info.Mode().Perm()&0o111 != 0
}

var levelColors = map[string]string{levelOK: green, levelWarn: yellow, levelError: red}

func (p *program) writeFindings(findings []finding) error {
	var out bytes.Buffer
	s := p.style("auto")
	for _, f := range findings {
		for i, line := range wrap(f.Subject+": "+f.Message, s.width-7) {
			lead := s.paint(levelColors[f.Level], pad(f.Level, 5))
			if i > 0 {
				lead = "     "
			}
			fmt.Fprintf(&out, "%s  %s\n", lead, line)
		}
		for _, more := range []struct{ title, text string }{{"fix", f.Fix}, {"use", f.Use}} {
			if more.text == "" {
				continue
			}
			for i, line := range wrap(more.text, s.width-12) {
				lead := more.title + ": "
				if i > 0 {
					lead = "     "
				}
				fmt.Fprintf(&out, "       %s%s\n", lead, line)
			}
		}
	}
	return p.write(&out)
}
