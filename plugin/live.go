package plugin

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
)

// liveCommand prints what check --live reads. Of Secrets it takes the keys and not the
// values, of CRDs not the schemas, which are large. Every object is a document of its
// own, because a list of them all may be too large for one. ServiceCIDR objects are
// there since Kubernetes 1.33.
const liveCommand = `each='{range .items[*]}---{"\n"}{@}{"\n"}{end}'
kubectl get --all-namespaces --output jsonpath="$each" \
  namespaces,services,deployments,statefulsets,daemonsets,persistentvolumeclaims,storageclasses
kubectl get --all-namespaces secrets,customresourcedefinitions --output go-template='{{range .items}}---
apiVersion: {{.apiVersion}}
kind: {{.kind}}
metadata:
  name: {{.metadata.name}}
  namespace: {{or .metadata.namespace ""}}
  annotations:
{{- range $key, $value := .metadata.annotations}}
{{- if or (eq $key "meta.helm.sh/release-name") (eq $key "meta.helm.sh/release-namespace")}}
    {{$key}}: {{$value}}
{{- end}}{{end}}
type: {{or .type ""}}
data:
{{- range $key, $value := .data}}
  {{$key}}: ""
{{- end}}
{{end}}'
if kubectl api-resources --api-group networking.k8s.io --output name | grep -q '^servicecidrs\.'; then
  kubectl get servicecidrs --output jsonpath="$each"
fi
`

// liveFlags are those of check that compare with a cluster.
type liveFlags struct {
	file    string
	command bool
}

func (f *liveFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "live", "", "compare the result with a cluster, a `FILE`\nor - for stdin")
	flags.BoolVar(&f.command, "live-command", false, "print the command that --live reads from")
}

// judge: what would be applied is only known of a render.
func (f liveFlags) judge(render string) error {
	switch {
	case f.file == "":
		return nil
	case render == "":
		return usagef("--live needs --render: what would be applied is compared with the cluster; render the chart with helm template RELEASE CHART")
	case f.file == "-" && render == "-":
		return usagef("--render - and --live -: stdin can be one of them; give the other as a file")
	}
	return nil
}

// checkLive compares what a plan would apply with a cluster's objects, and adds the
// warnings to the plan's.
func (p *program) checkLive(planned *planned, layer *scenario.Layer, file, namespace string) error {
	input, from, err := p.readRender(file)
	if err != nil {
		return err
	}
	cluster, err := parseSome(input, from)
	if err != nil {
		return err
	}
	warnings, err := transformers.CheckLive(planned.set, cluster, layer, namespace)
	if errors.Is(err, transformers.ErrNoCluster) {
		return codes.Errorf(codes.NotACluster, "%s is not what --live reads: %w; make it with the command that %s check --live-command prints", from, err, name)
	}
	planned.report.Warnings = append(planned.report.Warnings, warnings...)
	return err
}
