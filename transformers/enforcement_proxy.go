package transformers

import (
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/registry"
)

// Where the proxy's container finds what it needs.
const (
	proxyConfigKey  = "nginx.conf"
	proxyConfigPath = registry.ProxyConfigPath
	proxyTLSPath    = "/etc/connected-registry-proxy/tls"
	proxyTempPath   = "/tmp"
)

// proxySkeleton is the proxy's container but for what a render decides. The command
// is nginx itself: images start a script that wants to write to the root. 101 is the
// user of nginx's own images; any would do. The memory is for some hundred clients.
const proxySkeleton = `
name: ` + proxyContainer + `
image: ""
command:
- nginx
- -e
- stderr
- -c
- ` + proxyConfigPath + `/` + proxyConfigKey + `
ports: []
livenessProbe:
  httpGet:
    path: ` + scenario.HealthPath + `
    port: ""
    scheme: ""
  periodSeconds: 20
  timeoutSeconds: 5
readinessProbe:
  httpGet:
    path: ` + scenario.HealthPath + `
    port: ""
    scheme: ""
  periodSeconds: 5
  timeoutSeconds: 5
resources:
  requests:
    cpu: 50m
    memory: 32Mi
  limits:
    cpu: "1"
    memory: 128Mi
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop:
    - ALL
  privileged: false
  readOnlyRootFilesystem: true
  runAsGroup: 101
  runAsNonRoot: true
  runAsUser: 101
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
- name: ` + proxyVolumePrefix + `config
  mountPath: ` + proxyConfigPath + `
  readOnly: true
- name: ` + proxyVolumePrefix + `tmp
  mountPath: ` + proxyTempPath + `
`

func (r *render) proxyContainer(listeners []listener) *yaml.RNode {
	c := yaml.MustParse(proxySkeleton)
	putText(c, r.proxyImage(), "image")
	for _, l := range listeners {
		p := mapping()
		putText(p, l.name, "name")
		putScalar(p, strconv.Itoa(l.port), "containerPort")
		putText(p, "TCP", "protocol")
		appendTo(c, p.YNode(), "ports")
	}
	first, scheme := listeners[0], httpEndpoint.scheme
	if first.tls {
		scheme = httpsEndpoint.scheme
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		putText(c, first.name, probe, "httpGet", "port")
		putText(c, scheme, probe, "httpGet", "scheme")
	}
	if !r.decided.HTTP {
		mount := mapping()
		putText(mount, proxyVolumePrefix+"tls", "name")
		putText(mount, proxyTLSPath, "mountPath")
		putScalar(mount, "true", "readOnly")
		appendTo(c, mount.YNode(), "volumeMounts")
	}
	return c
}

// proxyVolumes are of the proxy's own, and readable by all in its container (292 is
// 0444): it is not root, the registry may be, and the chart's volume of the same
// Secret, or the pod's fsGroup, are not ours to change for it.
func (r *render) proxyVolumes(configMap string) []*yaml.RNode {
	config := yaml.MustParse("name: " + proxyVolumePrefix + "config\nconfigMap:\n  name: \"\"\n  defaultMode: 292\n")
	putText(config, configMap, "configMap", "name")
	temp := yaml.MustParse("name: " + proxyVolumePrefix + "tmp\nemptyDir:\n  sizeLimit: 64Mi\n")
	volumes := []*yaml.RNode{config, temp}
	if r.decided.HTTP {
		return volumes
	}
	tls := yaml.MustParse("name: " + proxyVolumePrefix + "tls\nsecret:\n  secretName: \"\"\n  defaultMode: 292\n")
	putText(tls, r.decided.Secret, "secret", "secretName")
	for _, key := range []string{crtKey, keyKey} {
		item := mapping()
		putText(item, key, "key")
		putText(item, key, "path")
		appendTo(tls, item.YNode(), "secret", "items")
	}
	return append(volumes, tls)
}
