package plugin

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

const installHelp = `Install this program where kustomize looks for a legacy exec plugin, so that
  kustomize build --enable-alpha-plugins DIR
runs it for every scenario that a kustomization lists under transformers.

That is $KUSTOMIZE_PLUGIN_HOME, else $XDG_CONFIG_HOME/kustomize/plugin, else
~/.config/kustomize/plugin (or ~/kustomize/plugin, if only that is there).

The program is copied, so that kustomize goes on to work when this file moves.
Installing again brings the copy up to date.`

const installExamples = `  ` + name + ` install kustomize-plugin
  ` + name + ` install kustomize-plugin --uninstall`

func (p *program) installCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "install",
		Short:   "Install this program where a host looks for it",
		GroupID: groupPeople,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("cannot install %q; what can be installed is kustomize-plugin", args[0])
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return usagef("say what is to be installed: kustomize-plugin")
		},
	}
	cmd.AddCommand(p.installKustomizeCommand())
	return cmd
}

func (p *program) installKustomizeCommand() *cobra.Command {
	var uninstall bool
	cmd := &cobra.Command{
		Use:     "kustomize-plugin",
		Short:   "Install this program as a legacy kustomize exec plugin",
		Long:    installHelp,
		Example: installExamples,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			home, err := p.kustomizePluginHome()
			if err != nil {
				return err
			}
			if uninstall {
				return p.uninstallKustomize(home)
			}
			return p.installKustomize(home)
		},
	}
	cmd.Flags().BoolVar(&uninstall, "uninstall", false, "remove what was installed, and nothing else")
	return cmd
}

// legacyPluginPath is where kustomize looks below its plugin home.
// Source: sigs.k8s.io/kustomize/api/internal/plugins/loader.
func legacyPluginPath(home string) string {
	return filepath.Join(home, filepath.FromSlash(scenario.APIVersion), strings.ToLower(scenario.Kind), scenario.Kind)
}

// kustomizeHomes are the directories that kustomize takes its plugins from: of
// them, the first that is there, and no other.
// Source: DefaultAbsPluginHome in sigs.k8s.io/kustomize/api/konfig.
func (p *program) kustomizeHomes() (stated, usual []string) {
	if home := p.env("KUSTOMIZE_PLUGIN_HOME"); home != "" {
		stated = append(stated, home)
	}
	if config := p.env("XDG_CONFIG_HOME"); config != "" {
		stated = append(stated, filepath.Join(config, "kustomize", "plugin"))
	}
	if user := p.env(homeVariable()); user != "" {
		usual = []string{filepath.Join(user, ".config", "kustomize", "plugin"), filepath.Join(user, "kustomize", "plugin")}
	}
	return stated, usual
}

// kustomizePluginHome is where to install. Who states a place means it; without
// one, a new directory ahead of the one that is there would hide its plugins.
func (p *program) kustomizePluginHome() (string, error) {
	stated, usual := p.kustomizeHomes()
	if len(stated) > 0 {
		return stated[0], nil
	}
	if len(usual) == 0 {
		return "", codes.Errorf(codes.InstallRefused, "cannot tell where kustomize keeps its plugins: set KUSTOMIZE_PLUGIN_HOME or %s", homeVariable())
	}
	if home := firstDirectory(usual); home != "" {
		return home, nil
	}
	return usual[0], nil
}

// hiddenHome is the directory whose plugins kustomize finds now, and no longer
// once home is there.
func (p *program) hiddenHome(home string) string {
	stated, usual := p.kustomizeHomes()
	if used := firstDirectory(append(stated, usual...)); used != home {
		return used
	}
	return ""
}

func firstDirectory(paths []string) string {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return path
		}
	}
	return ""
}

func homeVariable() string {
	if runtime.GOOS == "windows" {
		return "USERPROFILE"
	}
	return "HOME"
}

func (p *program) installKustomize(home string) error {
	own, err := ownExecutable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(own)
	if err != nil {
		return err
	}
	target := legacyPluginPath(home)
	state, err := installed(target, program)
	if err != nil {
		return err
	}
	if state == installedSame {
		return p.say("%s is installed already, in this version (%s).\n", target, version())
	}
	hidden := p.hiddenHome(home)
	if err := writeProgram(target, program); err != nil {
		return codes.Errorf(codes.InstallRefused, "cannot install %s: %w", target, err)
	}
	if hidden != "" {
		p.tellLine("warning: kustomize takes its plugins from " + home + " from now on, and no longer from " + hidden)
	}
	done := "Installed"
	if state == installedOther {
		done = "Brought up to date:"
	}
	return p.say("%s %s (%s).\nkustomize runs it with: kustomize build --enable-alpha-plugins DIR\n", done, target, version())
}

func (p *program) uninstallKustomize(home string) error {
	target := legacyPluginPath(home)
	state, err := installed(target, nil)
	if err != nil {
		return err
	}
	if state == notInstalled {
		return p.say("%s is not there; nothing was removed.\n", target)
	}
	if err := os.Remove(target); err != nil {
		return err
	}
	// The folders that carry our group, version and kind are ours as well, unless
	// somebody keeps something else there: then they are not empty, and stay.
	dir := filepath.Dir(target)
	for range 3 {
		if os.Remove(dir) != nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return p.say("Removed %s.\n", target)
}

func (p *program) say(format string, args ...any) error {
	return p.write(strings.NewReader(fmt.Sprintf(format, args...)))
}

// ownExecutable is this program's file, links followed.
func ownExecutable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", codes.Errorf(codes.InstallRefused, "cannot find the program's own file: %w", err)
	}
	return filepath.EvalSymlinks(path)
}

// What is where kustomize looks for the plugin.
const (
	notInstalled   = iota
	installedSame  // the very program
	installedOther // the program in another version
)

// installed says what is at path. What is not this program is an error: it is
// somebody else's. The file is looked at, not run.
func installed(path string, program []byte) (int, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return notInstalled, codes.Errorf(codes.InstallRefused, "%s is a link that leads nowhere, and not touched; remove it", path)
		}
		return notInstalled, nil
	}
	if err != nil {
		return notInstalled, err
	}
	if !info.Mode().IsRegular() || !isThisProgram(path) {
		return notInstalled, codes.Errorf(codes.InstallRefused, "%s is there and is not %s: it is not touched; move it away", path, name)
	}
	if link, err := os.Lstat(path); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		return installedOther, nil // a copy takes its place
	}
	there, err := os.ReadFile(path)
	if err == nil && bytes.Equal(there, program) && info.Mode().Perm()&0o111 != 0 {
		return installedSame, nil
	}
	return installedOther, err
}

// modulePath is what the Go toolchain records in the program.
const modulePath = "github.com/connected-registry/scenario"

func isThisProgram(path string) bool {
	info, err := buildinfo.ReadFile(path)
	return err == nil && (info.Path == modulePath || info.Path == modulePath+"/cmd/"+name)
}

// writeProgram puts the program at path at once: kustomize never sees half of it,
// and a copy that runs is not written to.
func writeProgram(path string, program []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, ".install-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already where all went well
	_, err = temporary.Write(program)
	err = errors.Join(err, temporary.Chmod(0o755), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
