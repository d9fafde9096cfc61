package scenario

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/connected-registry/scenario/codes"
)

// Resolve makes the certificate and key that spec.tls states available through
// TLS.Material: it decodes crt, key and caCrt, and reads crtFile, keyFile and
// caCrtFile with readFile, which is given each path as the scenario has it and
// knows what it is relative to. Without either there is nothing to do.
//
// Call it on each layer before Merge, while paths still belong to one file.
// What it decodes is PEM by its looks only; package keypair checks more. Errors
// name field and path, and never repeat content. readFile may be nil for a host
// without files, which makes stated paths an error.
func (l *Layer) Resolve(readFile func(path string) ([]byte, error)) error {
	t := l.Scenario.Spec.TLS
	if t == nil {
		return nil
	}
	var (
		material Material
		found    bool
		errs     Errors
	)
	for _, p := range t.parts() {
		if *p.value == nil || p.by == bySecret {
			continue
		}
		var (
			pem []byte
			bad Error
		)
		if p.by == byFile {
			pem, bad = readPEM(p.name, **p.value, readFile)
		} else {
			pem, bad = decodePEM(p.name, **p.value)
		}
		if bad.found() {
			errs = append(errs, l.placed(bad, "spec.tls."+p.name))
			continue
		}
		*p.holds(&material), found = pem, true
	}
	if err := errs.sorted(); err != nil {
		return err
	}
	if found {
		t.material = &material
	}
	return nil
}

// begin is how PEM shows itself, plain, in base64, and in base64 twice.
var (
	begin       = []byte("-----BEGIN ")
	begin64     = []byte("LS0tLS1CRUdJTi")
	begin64Head = "LS0tLS1CRUdJTi"
)

// readPEM reads a crtFile, keyFile or caCrtFile.
func readPEM(name, path string, readFile func(string) ([]byte, error)) ([]byte, Error) {
	inline := strings.TrimSuffix(name, "File")
	switch {
	case path == "":
		return nil, mistake(codes.FileNotAPath, "empty, expected the path of a PEM file", fmt.Sprintf("write %s: %s.pem", name, inline))
	case strings.Contains(path, "-----BEGIN "):
		return nil, mistake(codes.FileNotAPath, "holds PEM, expected the path of a PEM file",
			fmt.Sprintf("write the PEM to a file and its path here, or write its base64 as %s (base64 -w0)", inline))
	case strings.HasPrefix(path, begin64Head):
		return nil, mistake(codes.FileNotAPath, "holds base64, expected the path of a PEM file", "write it as "+inline)
	case len(path) > 4096 || strings.ContainsAny(path, "\n\r"):
		return nil, mistake(codes.FileNotAPath, "expected the path of a PEM file, on one line", "")
	case readFile == nil:
		return nil, mistake(codes.FileUnreadable, "files cannot be read here", fmt.Sprintf("write the file's base64 as %s (base64 -w0)", inline))
	}
	shown := showPath(path)
	pem, err := readFile(path)
	if err != nil {
		// The path is said once, and an error's own text is only what the system
		// says about it.
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, mistake(codes.FileUnreadable, fmt.Sprintf("cannot read %s: %v", shown, err), "write a path relative to the scenario file (in kustomize, to the kustomization)")
	}
	trimmed := bytes.TrimSpace(pem)
	switch {
	case len(trimmed) == 0:
		return nil, mistake(codes.NotPEM, shown+" is empty, expected PEM", "")
	case bytes.Contains(trimmed, begin):
		return pem, Error{}
	case bytes.HasPrefix(trimmed, begin64):
		return nil, mistake(codes.Base64InAFile, shown+" holds base64, expected PEM", fmt.Sprintf("write the output of base64 -d %s to the file", shown))
	}
	return nil, notPEM(trimmed, shown, inline, shown)
}

// showPath quotes a path, unless it might be a key in base64 that was pasted in
// the path's place: a long run of nothing but base64's letters.
func showPath(path string) string {
	if len(path) > 40 && isBase64(strings.TrimRight(path, "=")) {
		return fmt.Sprintf("the path of %d characters", len(path))
	}
	return strconv.Quote(path)
}

// decodePEM decodes a crt, key or caCrt.
func decodePEM(name, value string) ([]byte, Error) {
	encode := fmt.Sprintf("write the output of base64 -w0 %s.pem, or the file's path as %sFile", name, name)
	text := strings.TrimSpace(value) // a block scalar ends in a line break
	switch {
	case text == "":
		return nil, mistake(codes.EmptyValue, "empty, expected PEM in base64", encode)
	case strings.Contains(text, "-----BEGIN "):
		return nil, mistake(codes.Base64Missing, "holds PEM as it is, expected PEM in base64", encode)
	case strings.HasPrefix(text, "$"):
		return nil, mistake(codes.Placeholder, "holds a shell variable that was not expanded, expected PEM in base64", encode)
	}
	joined := strings.Join(strings.Fields(text), "")
	decoded, err := base64.StdEncoding.DecodeString(joined)
	switch {
	case err != nil && len(joined)%4 != 0 && isBase64(strings.TrimRight(joined, "=")):
		return nil, mistake(codes.Base64Cut, fmt.Sprintf("base64 that is cut short: %d characters are no multiple of 4", len(joined)), encode)
	case err != nil:
		return nil, mistake(codes.Base64Missing, "not base64, expected PEM in base64 (letters, digits, +, / and = only)", encode)
	case joined != text:
		return nil, mistake(codes.Base64Wrapped, "base64 wrapped over several lines, expected one line", encode)
	case bytes.Contains(decoded, begin):
		return decoded, Error{}
	case bytes.HasPrefix(bytes.TrimSpace(decoded), begin64):
		return nil, mistake(codes.Base64Twice, "PEM encoded in base64 twice, expected once", "write what base64 -d makes of it")
	case len(decoded) == 0:
		return nil, mistake(codes.EmptyValue, "empty, expected PEM in base64", encode)
	}
	return nil, notPEM(decoded, name+".der", name, "base64 of something that")
}

func isBase64(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

// notPEM words what data that is not PEM seems to be; what is how a message calls it.
func notPEM(data []byte, path, name, what string) Error {
	// A DER certificate or key is a sequence of at least 128 bytes, or (Ed25519)
	// a short one that begins with a version.
	if len(data) > 4 && data[0] == 0x30 && (data[1] >= 0x81 && data[1] <= 0x84 || int(data[1]) == len(data)-2) {
		tool := "x509"
		if name == "key" {
			tool = "pkey"
		}
		return mistake(codes.NotPEM, what+" is DER, expected PEM", fmt.Sprintf("write the output of openssl %s -inform DER -in %s", tool, path))
	}
	return mistake(codes.NotPEM, what+` is not PEM, expected "-----BEGIN …"`, "")
}
