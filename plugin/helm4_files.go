package plugin

import (
	"os"
	"path/filepath"
)

// helm4ReportFile is below os.UserCacheDir: the plugin's own folder may be shared
// and read-only.
const helm4ReportFile = name + "/helm-plugin.txt"

// saveReport writes the file for its user's eyes only, and never half of it.
func saveReport(text string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	path := filepath.Join(cache, filepath.FromSlash(helm4ReportFile))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "helm-plugin-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
