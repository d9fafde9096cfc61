// Command argocd-cmp is Argo CD's config management plugin server, and a client
// that asks of it what the repo-server asks, over its unix socket. It is a module
// of its own, so that Argo CD's dependencies stay out of the program's.
//
//	argocd-cmp serve --config-dir-path DIR
//	argocd-cmp match|parameters|generate SOCKET APP [NAME=VALUE …]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/golang/protobuf/jsonpb" //nolint:staticcheck // what Argo CD's types are made for

	"github.com/argoproj/argo-cd/v3/cmd/argocd-cmp-server/commands"
	"github.com/argoproj/argo-cd/v3/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v3/util/cmp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "serve" {
		server := commands.NewCommand()
		server.SetArgs(args[1:])
		return server.Execute()
	}
	if len(args) < 3 {
		return errors.New("usage: argocd-cmp match|parameters|generate SOCKET APP [NAME=VALUE …]")
	}
	return ask(args[0], args[1], args[2], args[3:])
}

// ask sends an application's directory and writes the answer to stdout.
func ask(what, socket, app string, env []string) error {
	closer, client, err := apiclient.NewConfigManagementPluginClientSet(socket).NewConfigManagementPluginClient()
	if err != nil {
		return err
	}
	defer closer.Close()
	ctx := context.Background()
	switch what {
	case "match":
		stream, err := client.MatchRepository(ctx)
		if err != nil {
			return err
		}
		if err := cmp.SendRepoStream(ctx, app, app, stream, env, nil); err != nil {
			return err
		}
		answer, err := stream.CloseAndRecv()
		if err != nil {
			return err
		}
		fmt.Println(answer.IsSupported)
	case "parameters":
		stream, err := client.GetParametersAnnouncement(ctx)
		if err != nil {
			return err
		}
		if err := cmp.SendRepoStream(ctx, app, app, stream, env, nil); err != nil {
			return err
		}
		answer, err := stream.CloseAndRecv()
		if err != nil {
			return err
		}
		return (&jsonpb.Marshaler{}).Marshal(os.Stdout, answer)
	case "generate":
		stream, err := client.GenerateManifest(ctx)
		if err != nil {
			return err
		}
		if err := cmp.SendRepoStream(ctx, app, app, stream, env, nil); err != nil {
			return err
		}
		answer, err := stream.CloseAndRecv()
		if err != nil {
			return err
		}
		fmt.Println(strings.Join(answer.Manifests, "\n---\n"))
	default:
		return fmt.Errorf("%s: no such question", what)
	}
	return nil
}
