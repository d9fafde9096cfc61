package corev1_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	kube "k8s.io/api/core/v1"

	"github.com/connected-registry/scenario/internal/corev1"
)

const template = `{"metadata": {"labels": {"app": "edge"}}, "spec": {"hostNetwork": true,
  "volumes": [{"name": "config", "configMap": {"name": "config"}}],
  "initContainers": [` + container + `], "containers": [` + container + `]}}`

const container = `{"name": "proxy", "command": ["nginx"], "restartPolicy": "Always",
  "ports": [{"name": "https", "hostPort": 443, "containerPort": 8443}],
  "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}},
  "volumeMounts": [{"name": "config", "mountPath": "/etc/nginx"}],
  "livenessProbe": {}, "readinessProbe": {},
  "securityContext": {"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}, "runAsUser": 101, "runAsNonRoot": true,
    "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": true, "seccompProfile": {"type": "RuntimeDefault"}}}`

const service = `{"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "selector": {"app": "edge"},
  "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 8443}]}}`

const secret = `{"data": {"tls.crt": "YQ=="}, "stringData": {"tls.key": "b"}}`

// Every field is one of the real API, by its name and with its form.
func TestFieldsAreTheAPIs(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		own, real any
	}{
		"PodTemplateSpec": {template, new(corev1.PodTemplateSpec), new(kube.PodTemplateSpec)},
		"Service":         {service, new(corev1.Service), new(kube.Service)},
		"Secret":          {secret, new(corev1.Secret), new(kube.Secret)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, into := range []any{c.own, c.real} {
				decoder := json.NewDecoder(strings.NewReader(c.text))
				decoder.DisallowUnknownFields()
				require.NoError(t, decoder.Decode(into))
			}
			assertFilled(t, reflect.ValueOf(c.own), name)
			encoded, err := json.Marshal(c.own)
			require.NoError(t, err)
			assert.JSONEq(t, c.text, string(encoded))
		})
	}
}

// assertFilled: the text above has every field.
func assertFilled(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if assert.False(t, v.IsNil(), path) {
			assertFilled(t, v.Elem(), path)
		}
	case reflect.Slice:
		if assert.NotZero(t, v.Len(), path) {
			assertFilled(t, v.Index(0), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			assertFilled(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		if !strings.Contains(path, "TargetPort.") { // a number or a name
			assert.False(t, v.IsZero(), path)
		}
	}
}
