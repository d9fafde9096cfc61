package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra/doc"

	"github.com/connected-registry/scenario/plugin"
)

// file is a file in an archive.
type file struct {
	name string
	mode int64
	data []byte
}

// archives writes an archive for each platform: the binary, the license, completions for
// shells and manual pages.
func (r *release) archives() error {
	common, err := r.pages()
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		files := append([]file{{p.program(), 0o755, p.binary}}, common...)
		pack := tarGz
		if p.os == "windows" {
			pack = zipped
		}
		data, err := pack(files, r.date)
		if err != nil {
			return err
		}
		if err := r.write(r.archive(p), data); err != nil {
			return err
		}
	}
	return nil
}

// archive is the name of a platform's archive.
func (r *release) archive(p platform) string {
	extension := "tar.gz"
	if p.os == "windows" {
		extension = "zip"
	}
	return fmt.Sprintf("%s_%s_%s_%s.%s", name, r.number(), p.os, p.arch, extension)
}

// pages are the files of an archive that are the same on each platform.
func (r *release) pages() ([]file, error) {
	license, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	files := []file{{"LICENSE", 0o644, license}}
	plugin.Version = r.version
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var script bytes.Buffer
		streams := plugin.Streams{In: bytes.NewReader(nil), Out: &script, Err: os.Stderr}
		if code := plugin.Main([]string{"completion", shell}, streams, plugin.System()); code != 0 {
			return nil, fmt.Errorf("completion %s: exit code %d", shell, code)
		}
		files = append(files, file{"completions/" + name + "." + shell, 0o644, script.Bytes()})
	}

	dir, err := os.MkdirTemp("", "man")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	root := plugin.Commands()
	root.DisableAutoGenTag = true
	header := doc.GenManHeader{Section: "1", Source: name + " " + r.version, Date: &r.date}
	if err := doc.GenManTree(root, &header, dir); err != nil {
		return nil, err
	}
	pages, err := os.ReadDir(dir) // by name
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(dir, page.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, file{"man/man1/" + page.Name(), 0o644, text})
	}
	return files, nil
}

// tarGz packs files with nothing of this machine: no owner, and no time but date.
func tarGz(files []file, date time.Time) ([]byte, error) {
	var buffer bytes.Buffer
	zipper, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := writeTar(zipper, files, date); err != nil {
		return nil, err
	}
	err = zipper.Close()
	return buffer.Bytes(), err
}

func writeTar(w io.Writer, files []file, date time.Time) error {
	archive := tar.NewWriter(w)
	for _, f := range files {
		header := tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: date, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
		if _, err := archive.Write(f.data); err != nil {
			return err
		}
	}
	return archive.Close()
}

func zipped(files []file, date time.Time) ([]byte, error) {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for _, f := range files {
		header := zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: date}
		header.SetMode(os.FileMode(f.mode))
		w, err := archive.CreateHeader(&header)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return buffer.Bytes(), err
}

// descriptor is the plugin's for Helm 4, with the release's version.
func (r *release) descriptor() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(r.root, "plugin", "helm", "plugin.yaml"))
	if err != nil {
		return nil, err
	}
	return regexp.MustCompile(`(?m)^version: .*$`).ReplaceAll(text, []byte("version: "+r.number())), nil
}

// helmPlugins writes a package for Helm 4 for each platform. The platform is a folder's
// name, because helm expects the file's name to be that which is signed.
func (r *release) helmPlugins() error {
	descriptor, err := r.descriptor()
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		data, err := tarGz([]file{
			{path.Join(name, "plugin.yaml"), 0o644, descriptor},
			{path.Join(name, p.program()), 0o755, p.binary},
		}, r.date)
		if err != nil {
			return err
		}
		if err := r.write(r.helmPlugin(p), data); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) helmPlugin(p platform) string {
	return fmt.Sprintf("helm-plugin/%s_%s/%s-%s.tgz", p.os, p.arch, name, r.number())
}
