// Command kyaml parses what is on stdin with kyaml and prints it, and does nothing
// else: the least that a program does which treats manifests as trees. With the
// argument "list" stdin and stdout are a ResourceList.
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/kustomize/kyaml/kio"
)

func main() {
	pipeline := kio.Pipeline{
		Inputs:  []kio.Reader{&kio.ByteReader{Reader: os.Stdin, OmitReaderAnnotations: true}},
		Outputs: []kio.Writer{kio.ByteWriter{Writer: os.Stdout}},
	}
	if len(os.Args) > 1 && os.Args[1] == "list" {
		list := &kio.ByteReadWriter{Reader: os.Stdin, Writer: os.Stdout}
		pipeline = kio.Pipeline{Inputs: []kio.Reader{list}, Outputs: []kio.Writer{list}}
	}
	if err := pipeline.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
