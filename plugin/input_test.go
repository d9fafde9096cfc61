package plugin

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 7, (3*manyChunks)*chunkSize + 1} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(i % 251)
		}
		got, err := read(io.MultiReader(bytes.NewReader(want))) // of unknown size, as a pipe
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), size)
		if size > 4*chunkSize {
			continue
		}
		path := filepath.Join(t.TempDir(), "input")
		require.NoError(t, os.WriteFile(path, want, 0o600))
		file, err := os.Open(path)
		require.NoError(t, err)
		got, err = read(file)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), size)
		require.NoError(t, file.Close())
	}
	got, err := read(iotest.OneByteReader(bytes.NewReader([]byte("abc"))))
	require.NoError(t, err)
	assert.Equal(t, "abc", string(got))
	_, err = read(iotest.ErrReader(errors.New("gone")))
	assert.ErrorContains(t, err, "gone")
}

// A file that somebody has read the beginning of, and one that grows meanwhile.
func TestReadFileOfAnotherSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(path, []byte("abcdef"), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	_, err = file.Seek(2, io.SeekStart)
	require.NoError(t, err)
	got, err := read(file)
	require.NoError(t, err)
	assert.Equal(t, "cdef", string(got))

	if _, err := os.Stat("/proc/self/status"); err == nil { // a regular file of size 0, with content
		file, err := os.Open("/proc/self/status")
		require.NoError(t, err)
		got, err := read(file)
		require.NoError(t, err)
		assert.NotEmpty(t, got)
		require.NoError(t, file.Close())
	}
}

// BenchmarkRead reads a large pipe.
func BenchmarkRead(b *testing.B) {
	const size = 256 << 20
	b.SetBytes(size)
	for b.Loop() {
		got, err := read(io.LimitReader(zeros{}, size))
		if err != nil || len(got) != size {
			b.Fatal(len(got), err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
