package parts

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"
)

// standinPackage is the program that the node's images consist of.
const standinPackage = "github.com/connected-registry/scenario/test/e2e/parts/standin"

// standinImage is an image of standin, made from nothing: the program, and the
// folders that an image of an operating system has.
func standinImage(t testing.TB, args ...string) v1.Image {
	t.Helper()
	program := filepath.Join(t.TempDir(), "standin")
	build := exec.Command("go", "build", "-o", program, standinPackage)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	text, err := os.ReadFile(program)
	require.NoError(t, err)

	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	for _, header := range []tar.Header{
		{Name: "standin", Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(text))},
		{Name: "bin/", Mode: 0o755, Typeflag: tar.TypeDir},
		{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "/standin"},
		{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir},
	} {
		require.NoError(t, archive.WriteHeader(&header))
		if header.Typeflag == tar.TypeReg {
			_, err := archive.Write(text)
			require.NoError(t, err)
		}
	}
	require.NoError(t, archive.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	})
	require.NoError(t, err)
	image, err := mutate.AppendLayers(empty.Image, layer)
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	config = config.DeepCopy()
	config.Architecture, config.OS = runtime.GOARCH, "linux"
	config.Config.Entrypoint = append([]string{"/standin"}, args...)
	image, err = mutate.ConfigFile(image, config)
	require.NoError(t, err)
	return image
}

// imageArchive writes an image under a name, as `docker save` does.
func imageArchive(t testing.TB, image v1.Image, reference string) string {
	t.Helper()
	tag, err := name.NewTag(reference)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, tarball.WriteToFile(path, tag, image))
	return path
}
