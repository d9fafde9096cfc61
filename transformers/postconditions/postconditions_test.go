package postconditions_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/postconditions"
	"github.com/connected-registry/scenario/transformers/resource"
)

// good is a render on which every post-condition of expected holds.
const good = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: edge
  namespace: site
  annotations: {helm.sh/hook-weight: "1"}
  labels: {app.kubernetes.io/instance: edge, helm.sh/chart: connected-registry-1.2.3}
spec:
  template:
    spec:
      initContainers:
      - name: wait
        volumeMounts:
        - {name: certs, mountPath: /certs}
      containers:
      - name: registry
        ports:
        - {name: https, containerPort: 8443}
        - {name: metrics, containerPort: 9000}
        startupProbe: {tcpSocket: {port: 8443}}
        readinessProbe: {httpGet: {port: https, scheme: HTTPS}}
        livenessProbe: {httpGet: {port: metrics}}
        volumeMounts:
        - {name: certs, mountPath: /var/acr/certs, readOnly: true}
      volumes:
      - name: certs
        secret: {secretName: serving}
      - name: config
        emptyDir: {}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: site, labels: {app: edge}}
spec:
  ports:
  - {name: https, port: 443, targetPort: https}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: leaf, namespace: site}
spec: {secretName: serving, issuerRef: {name: signer}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: signer, namespace: site}
spec: {ca: {secretName: authority}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: trust, namespace: site, labels: {app.kubernetes.io/instance: edge, helm.sh/chart: connected-registry-1.2.3}}
spec:
  template:
    spec:
      serviceAccountName: trust
      containers:
      - name: c
        volumeMounts: [{name: containerd, mountPath: /etc/containerd}]
      volumes:
      - name: containerd
        hostPath: {path: /etc/containerd}
      - name: ca
        secret: {secretName: authority, items: [{key: ca.crt, path: ca.crt}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: trust, namespace: site}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: issuers.cert-manager.io, labels: {app.kubernetes.io/instance: edge}}
spec: {group: cert-manager.io}
`

// only is the object of a kind.
func only(t *testing.T, set *resource.Set, kind string) *resource.Object {
	t.Helper()
	found, err := set.Select([]string{kind})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// set changes a scalar somewhere in an object.
func set(t *testing.T, o *resource.Object, value string, path ...string) {
	t.Helper()
	require.NoError(t, o.Node().PipeE(yaml.LookupCreate(yaml.ScalarNode, path...), yaml.Set(yaml.NewScalarRNode(value))))
}

// Each condition is broken by itself, and the failure names what is wrong.
func TestEveryConditionCanFail(t *testing.T) {
	container := []string{"spec", "template", "spec", "containers", "[name=registry]"}
	mount := append(slices.Clone(container), "volumeMounts", "[name=certs]")
	secret := []string{"spec", "template", "spec", "volumes", "[name=certs]", "secret", "secretName"}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *resource.Set, e *decision.Decision)
		want  string
	}{
		"nothing is wrong": {func(*testing.T, *resource.Set, *decision.Decision) {}, ""},
		"another Secret is mounted": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			set(t, only(t, s, "Deployment"), "stale", secret...)
		}, `Deployment/edge: mounts the Secrets [stale] at /var/acr/certs, expected "serving" only`},
		"the mount is writable": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			set(t, only(t, s, "Deployment"), "false", append(mount, "readOnly")...)
		}, "/var/acr/certs is not mounted read-only"},
		"a mount is left with HTTP": {func(_ *testing.T, _ *resource.Set, e *decision.Decision) { e.HTTP = true },
			"although HTTP needs none"},
		"the container is gone": {func(_ *testing.T, _ *resource.Set, e *decision.Decision) { e.Container = "other" },
			"has no container other any more"},
		"the Service leads nowhere": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			set(t, only(t, s, "Service"), "http", "spec", "ports", "[name=https]", "targetPort")
		}, "port 443 leads to http, which no container declares"},
		"no Certificate writes the Secret": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			set(t, only(t, s, "Certificate"), "elsewhere", "spec", "secretName")
		}, `Secret serving is written by [], expected one Certificate`},
		"an object that is gone is still referred to": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			s.Remove(only(t, s, "ServiceAccount"))
		}, "DaemonSet/trust: spec.template.spec.serviceAccountName still refers to ServiceAccount trust, which nothing provides any more"},
		"a Secret that nothing writes is still mounted": {func(t *testing.T, s *resource.Set, e *decision.Decision) {
			s.Remove(only(t, s, "Certificate"))
			e.CertManager = false
		}, "Deployment/edge: spec.template.spec.volumes[].secret.secretName still refers to Secret serving"},
		"the trust distribution is left": {func(_ *testing.T, _ *resource.Set, e *decision.Decision) { e.NoTrust, e.Trust = true, nil },
			"DaemonSet/trust: still mounts /etc/containerd of the nodes"},
		"a CRD of the bundle is left": {func(t *testing.T, s *resource.Set, e *decision.Decision) {
			e.Bundle = []*resource.Object{only(t, s, "CustomResourceDefinition")}
		},
			"CustomResourceDefinition/issuers.cert-manager.io: is still there"},
		"an added name is taken": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			s.Add(yaml.MustParse("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata:\n  name: leaf\n  namespace: site\n  annotations: {connectedregistry.dev/added-by: x}\nspec: {secretName: other}\n"))
		}, "Certificate/leaf: has the name of an object that was added"},
		"an annotation is lost": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			require.NoError(t, only(t, s, "Deployment").Node().PipeE(yaml.Lookup("metadata"), yaml.Clear("annotations")))
		}, "lost or changed its annotation helm.sh/hook-weight"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := resource.ParseStream([]byte(good))
			require.NoError(t, err)
			e := decision.Decision{
				Workload: only(t, s, "Deployment"), Service: only(t, s, "Service"),
				Container: "registry", CertificatePath: "/var/acr/certs", Namespace: "site", Instance: "edge",
				TLSStated: true, Secret: "serving", CertManager: true, Trust: only(t, s, "DaemonSet"),
			}
			c.spoil(t, s, &e)
			_, err = postconditions.Check(s, e)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// guarded is a render of which a proxy keeps pushes out.
const guarded = `apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: site}
spec:
  template:
    metadata:
      labels: {app: edge}
    spec:
      containers:
      - name: registry
        ports:
        - {name: https, containerPort: 8443}
      - name: proxy
        command: [nginx, -c, /config/nginx.conf]
        ports:
        - {name: proxy-https, containerPort: 10443}
        livenessProbe: {httpGet: {port: proxy-https}}
        readinessProbe: {httpGet: {port: proxy-https}}
        resources: {requests: {cpu: 1m}, limits: {cpu: 1m}}
        securityContext:
          runAsUser: 101
          runAsNonRoot: true
          readOnlyRootFilesystem: true
          allowPrivilegeEscalation: false
          capabilities: {drop: [ALL]}
          seccompProfile: {type: RuntimeDefault}
        volumeMounts:
        - {name: proxy-config, mountPath: /config}
        - {name: proxy-tls, mountPath: /tls}
      volumes:
      - name: proxy-config
        configMap: {name: config}
      - name: proxy-tls
        secret: {secretName: serving}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: site}
spec:
  selector: {app: edge}
  ports:
  - {name: https, port: 443, targetPort: proxy-https}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config, namespace: site}
data:
  nginx.conf: |
    map "$request_method $request_uri" $let_through {
      default 0;
      "~^(GET|HEAD) /v2/" 1;
      "~^(GET|POST) /oauth2/v2\.0/token(\?[^#]*)?$" 1;
    }
    listen 10443 ssl;
    if ($let_through = 0) {
    return 403 '{"errors":[{"code":"DENIED","message":"This operation is not allowed on this registry."}]}';
    client_max_body_size 1;
    proxy_pass https://127.0.0.1:8443;
`

func TestEveryConditionOfTheProxyCanFail(t *testing.T) {
	proxy := []string{"spec", "template", "spec", "containers", "[name=proxy]"}
	at := func(more ...string) []string { return append(slices.Clone(proxy), more...) }
	deployment := func(value string, path ...string) func(*testing.T, *resource.Set, *decision.Decision) {
		return func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			set(t, only(t, s, "Deployment"), value, path...)
		}
	}
	config := func(old, replacement string) func(*testing.T, *resource.Set, *decision.Decision) {
		return func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			o := only(t, s, "ConfigMap")
			text := o.Node().GetDataMap()["nginx.conf"]
			require.Contains(t, text, old)
			require.NoError(t, o.Node().PipeE(yaml.Lookup("data"), yaml.SetField("nginx.conf", yaml.NewStringRNode(strings.Replace(text, old, replacement, 1)))))
		}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *resource.Set, e *decision.Decision)
		want  string
	}{
		"nothing is wrong": {func(*testing.T, *resource.Set, *decision.Decision) {}, ""},
		"the Service leads past it": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			set(t, only(t, s, "Service"), "https", "spec", "ports", "[name=https]", "targetPort")
		}, "port 443 leads to https of [registry], expected container proxy only"},
		"the Service leads nowhere": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			set(t, only(t, s, "Service"), "9999", "spec", "ports", "[name=https]", "targetPort")
		}, "leads to 9999 of []"},
		"there is no Service": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			s.Remove(only(t, s, "Service"))
		}, "no Service leads to container proxy"},
		"a second Service leads past it": {func(_ *testing.T, s *resource.Set, _ *decision.Decision) {
			s.Add(yaml.MustParse("apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: site}\nspec: {selector: {app: edge}, ports: [{port: 8443}]}\n"))
		}, "Service/other: port 8443 leads to 0 of [registry]"},
		"the pod has the node's network": {deployment("true", "spec", "template", "spec", "hostNetwork"), "hostNetwork makes the ports of container registry the node's"},
		"a port of the node leads to it": {deployment("443", "spec", "template", "spec", "containers", "[name=registry]", "ports", "[name=https]", "hostPort"), "hostPort 443 leads to port 8443 of container registry"},
		"one of another container does": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			require.NoError(t, only(t, s, "Deployment").Node().PipeE(yaml.Lookup("spec", "template", "spec", "containers"),
				yaml.Append(yaml.MustParse("{name: side, ports: [{containerPort: 8443, hostPort: 8443}]}").YNode())))
		}, "hostPort 8443 leads to port 8443 of container registry"},
		"an undeclared one does": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			spec := only(t, s, "Deployment").Node()
			require.NoError(t, spec.PipeE(yaml.Lookup("spec", "template", "spec", "containers", "[name=registry]"), yaml.Clear("ports")))
			require.NoError(t, spec.PipeE(yaml.Lookup("spec", "template", "spec"),
				yaml.SetField("initContainers", yaml.MustParse("[{name: side, restartPolicy: Always, ports: [{containerPort: 8443, hostPort: 8443}]}]"))))
		}, "hostPort 8443 leads to port 8443 of container registry"},
		"a port of the node leads to the proxy": {deployment("443", at("ports", "[name=proxy-https]", "hostPort")...), ""},
		"the registry declares another port":    {deployment("9443", "spec", "template", "spec", "containers", "[name=registry]", "ports", "[name=https]", "containerPort"), ""},
		"a Service of the same number leads past it by a sidecar's name": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			require.NoError(t, only(t, s, "Deployment").Node().PipeE(yaml.Lookup("spec", "template", "spec"),
				yaml.SetField("initContainers", yaml.MustParse("[{name: side, restartPolicy: Always, ports: [{name: side, containerPort: 8443}]}]"))))
			s.Add(yaml.MustParse("apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: site}\nspec: {selector: {app: edge}, ports: [{port: 1, targetPort: side}]}\n"))
		}, "Service/other: port 1 leads to side of [registry, side]"},
		"an ExternalName Service selects nothing": {func(_ *testing.T, s *resource.Set, _ *decision.Decision) {
			s.Add(yaml.MustParse("apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: site}\nspec: {type: ExternalName, selector: {app: edge}, ports: [{port: 8443}]}\n"))
		}, ""},
		"no image is pulled by UDP": {func(_ *testing.T, s *resource.Set, _ *decision.Decision) {
			s.Add(yaml.MustParse("apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: site}\nspec: {selector: {app: edge}, ports: [{port: 8443, protocol: UDP}]}\n"))
		}, ""},
		"its port is another's":  {deployment("https", at("ports", "[containerPort=10443]", "name")...), "port https (10443) of container proxy is another container's too"},
		"the container is gone":  {func(_ *testing.T, _ *resource.Set, e *decision.Decision) { e.Proxy = "other" }, "has no container other"},
		"the ConfigMap is gone":  {func(t *testing.T, s *resource.Set, _ *decision.Decision) { s.Remove(only(t, s, "ConfigMap")) }, "mounts no ConfigMap that is there"},
		"another one is mounted": {deployment("other", "spec", "template", "spec", "volumes", "[name=proxy-config]", "configMap", "name"), "mounts no ConfigMap that is there"},
		"nothing is refused":     {config("default 0;", "default 1;"), "does not refuse what it does not know"},
		"PUT is let through":     {config("GET|HEAD", "GET|PUT"), "lets GET|PUT through to /v2/"},
		"POST is let through":    {config("GET|HEAD", "GET|POST"), "lets GET|POST through to /v2/"},
		"POST of the API":        {config(`/oauth2/v2\.0/token`, `/v2/token`), `lets GET|POST through to /v2/token`},
		"POST of the API's root": {config(`/oauth2/v2\.0/token`, `/v2`), `lets GET|POST through to /v2(`},
		"POST of any path":       {config(`/oauth2/v2\.0/token`, `/[a-z0-9]+/.*`), `lets GET|POST through to /[a-z0-9]+/.*`},
		"POST of what begins so": {config(`/token(\?[^#]*)?$"`, `/token"`), `lets GET|POST through to /oauth2/v2\.0/token`},
		"another method":         {config("GET|POST", "GET|MOVE"), "lets GET|MOVE through to /oauth2"},
		"another rule":           {config("listen", "\"x\" 1;\n    listen"), "lets something through in a way that is not understood"},
		"it passes to another":   {config("127.0.0.1:8443", "192.0.2.1:8443"), "passes requests to https://192.0.2.1:8443"},
		"it passes to itself":    {config("127.0.0.1:8443", "127.0.0.1:10443"), "passes requests to https://127.0.0.1:10443"},
		"it listens elsewhere":   {config("listen 10443", "listen 10444"), "listens on [10444], and container proxy has ports [10443]"},
		"it is root":             {deployment("0", at("securityContext", "runAsUser")...), "may do more than it needs to"},
		"it may write":           {deployment("false", at("securityContext", "readOnlyRootFilesystem")...), "may do more than it needs to"},
		"it is not limited": {func(t *testing.T, s *resource.Set, _ *decision.Decision) {
			require.NoError(t, only(t, s, "Deployment").Node().PipeE(yaml.Lookup(proxy...), yaml.Clear("resources")))
		}, "has no probes, or no resources"},
		"another Secret is served": {deployment("stale", "spec", "template", "spec", "volumes", "[name=proxy-tls]", "secret", "secretName"), "mounts the Secrets [stale], expected [serving]"},
		"it is still there": {func(_ *testing.T, _ *resource.Set, e *decision.Decision) { e.Enforced, e.NoProxy = false, true },
			"still has container proxy"},
		"its volumes are still there": {func(_ *testing.T, _ *resource.Set, e *decision.Decision) { e.Enforced, e.NoProxy = false, true },
			"still has volume proxy-tls"},
		"the Service still leads to it": {func(t *testing.T, s *resource.Set, e *decision.Decision) {
			e.Enforced, e.NoProxy = false, true
			require.NoError(t, only(t, s, "Deployment").Node().PipeE(yaml.Lookup(proxy...), yaml.Clear("ports")))
		}, "port 443 still leads to proxy-https"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := resource.ParseStream([]byte(guarded))
			require.NoError(t, err)
			e := decision.Decision{
				Workload: only(t, s, "Deployment"), Container: "registry", Namespace: "site",
				Secret: "serving", Proxy: "proxy", Enforced: true,
			}
			c.spoil(t, s, &e)
			_, err = postconditions.Check(s, e)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}
