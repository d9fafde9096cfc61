package plugin

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Helm 4 shows nothing of what a post-renderer writes to stderr, neither when it
// succeeds nor when it fails: "plugin … exited with error" is all that a user sees.
// Source: runPostrenderer in helm.sh/helm/v4 internal/plugin/runtime_subprocess.go.
// So the program tells it in three other ways, and runUnderHelm4 is where:
//
//   - by a document that Helm must refuse, and shows when it does (see refusal);
//   - on the controlling terminal, for what that cannot tell;
//   - in a file, always (see Host.SaveReport).
const (
	// helm4Command is the argument that plugin/helm/plugin.yaml calls us with.
	helm4Command = "helm-plugin"
	// helm4Filename is the annotation that Helm 4 puts on each document.
	helm4Filename = "postrenderer.helm.sh/postrender-filename"
	helmDirEnv    = "HELM_PLUGIN_DIR"
	// helm4Head is how much of the stream is looked at for the annotation.
	helm4Head = 64 << 10
)

// runUnderHelm4 is post-render for Helm 4. The arguments are those that follow
// helm4Command.
func runUnderHelm4(args []string, streams Streams, host Host) int {
	postRender := append([]string{"post-render"}, args...)
	if host.IsTerminal(streams.In) {
		return run(postRender, streams, host) // a person, who sees stderr
	}
	in := bufio.NewReaderSize(streams.In, helm4Head)
	head, _ := in.Peek(helm4Head) // an error will come up again
	refusable := isHelm4(host, head)

	var told bytes.Buffer
	out := &watchedWriter{Writer: streams.Out}
	code := run(postRender, Streams{In: in, Out: out, Err: io.MultiWriter(&told, streams.Err)}, host)

	_ = host.SaveReport(helm4Report(args, host, code, told.String())) // nobody to tell
	switch {
	case code == exitOK:
		host.tellTerminal(warningLines(told.String()))
	case refusable && !out.written:
		if _, err := io.WriteString(streams.Out, refusal(told.String())); err == nil {
			return exitOK
		}
	default:
		host.tellTerminal(told.String())
	}
	return code
}

// isHelm4 says whether it is certain that Helm 4 will parse what we write as
// manifests. Everything must hold: our own descriptor was called (this function),
// by its name (a plugin that calls helm leaves its own name in the environment), and
// the documents are marked for the code that takes them apart afterwards.
func isHelm4(host Host, head []byte) bool {
	return host.env(helmPluginEnv) == name && host.env(helmDirEnv) != "" && bytes.Contains(head, []byte(helm4Filename))
}

// refusal is a YAML document that is text and no mapping. Helm 4 cannot take its
// metadata, so it fails and shows it: kio.ParseAll in splitAndDeannotate, in
// helm.sh/helm/v4 pkg/action/action.go. TestRealHostsHelm4Refusal runs every Helm 4
// that we support.
//
// Were a Helm to come that let it pass, nothing would be deployed unpatched even so:
// the text is all that there is, and no API server takes it.
func refusal(told string) string {
	var b strings.Builder
	b.WriteString("|2-\n  " + name + ": nothing was patched, because:\n")
	for line := range strings.Lines(told) {
		b.WriteString("  " + literal(strings.TrimRight(line, "\r\n")) + "\n")
	}
	return b.String()
}

// literal replaces what YAML would not take for text, line separators above all.
func literal(line string) string {
	var b strings.Builder
	for _, r := range line {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return b.String()
}

// helm4Report is what the file says of a run. Of several at once the last one's stays.
func helm4Report(args []string, host Host, code int, told string) string {
	outcome := "succeeded"
	if code != exitOK {
		outcome = fmt.Sprintf("failed with exit code %d", code)
	}
	cwd, err := host.Getwd()
	if err != nil {
		cwd = "unknown"
	}
	head := fmt.Sprintf("%s %s under Helm 4\ntime:      %s\ndirectory: %s\narguments: %s\noutcome:   %s\n\n",
		name, version(), host.Now().UTC().Format(time.RFC3339), printable(cwd), printable(scrub(strings.Join(args, " "))), outcome)
	return head + told
}

// warningLines are the lines that need attention although all went well.
func warningLines(told string) string {
	var b strings.Builder
	for line := range strings.Lines(told) {
		if strings.HasPrefix(line, "warning: ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// tellTerminal writes to the terminal that the user sits at, if there is one.
func (h Host) tellTerminal(text string) {
	if text == "" {
		return
	}
	terminal, err := h.OpenTerminal()
	if err != nil {
		return
	}
	defer func() { _ = terminal.Close() }()
	for line := range strings.Lines(text) {
		// \r: a program that reads keys may have turned off what newlines do.
		_, _ = io.WriteString(terminal, name+": "+strings.TrimRight(line, "\n")+"\r\n")
	}
}

// watchedWriter remembers whether anything was written.
type watchedWriter struct {
	io.Writer
	written bool
}

func (w *watchedWriter) Write(data []byte) (int, error) {
	w.written = true
	return w.Writer.Write(data)
}
