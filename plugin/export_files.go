package plugin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/codes"
)

// exportPaths are all files that an export may consist of.
var exportPaths = []string{
	kustomizationFile, expectedFile, addedFile,
	helmReleaseFile, objectsFile, objectsAddedFile,
}

// writeFiles writes an export to a directory, which it makes, and takes those files
// of an earlier export out that this one does not have. It replaces and removes
// nothing that was not made by this program, and says so before it writes.
func writeFiles(dir string, files []exportedFile) error {
	var stale []string
	for _, path := range exportPaths {
		name := filepath.Join(dir, filepath.FromSlash(path))
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return codes.Errorf(codes.ExportRefused, "cannot export to %s: %w", dir, err)
		}
		if !strings.HasPrefix(string(text), madeBy) {
			return codes.Errorf(codes.ExportRefused, "%s was not made by an export and would be replaced; give another --output-dir, or move it away", name)
		}
		if !slices.ContainsFunc(files, func(f exportedFile) bool { return f.path == path }) {
			stale = append(stale, name)
		}
	}
	if err := putFiles(dir, files); err != nil {
		return err
	}
	for _, name := range stale {
		if err := os.Remove(name); err != nil {
			return codes.Errorf(codes.ExportRefused, "cannot take out what an earlier export wrote: %w", err)
		}
		_ = os.Remove(filepath.Dir(name)) // if it is empty now
	}
	return nil
}
