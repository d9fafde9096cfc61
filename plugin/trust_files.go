package plugin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/connected-registry/scenario/codes"
)

// replaceFiles writes files below a directory, which it makes. It looks at all of them
// before it writes one: without force, files that this program did not make stay, and
// are an error each.
func replaceFiles(dir string, files []exportedFile, force bool) error {
	var foreign []error
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.path))
		text, err := os.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			foreign = append(foreign, codes.Errorf(codes.ExportRefused, "cannot write to %s: %w", dir, err))
		case !force && !strings.HasPrefix(string(text), madeBy):
			foreign = append(foreign, codes.Errorf(codes.ExportRefused, "%s was not made by this command and would be replaced; give another --output-dir, move it away, or give --force", name))
		}
	}
	if len(foreign) > 0 {
		return errors.Join(foreign...)
	}
	return putFiles(dir, files)
}

// putFiles writes files below a directory.
func putFiles(dir string, files []exportedFile) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return codes.Errorf(codes.ExportRefused, "cannot write to %s: %w", dir, err)
		}
		if err := os.WriteFile(name, []byte(f.text), 0o644); err != nil {
			return codes.Errorf(codes.ExportRefused, "cannot write to %s: %w", dir, err)
		}
	}
	return nil
}
