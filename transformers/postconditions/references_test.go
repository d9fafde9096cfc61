package postconditions_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/resource"
)

// went are the objects that a run removed, none of which is in the result.
const went = `apiVersion: v1
kind: ConfigMap
metadata: {name: gone, namespace: site}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: gone, namespace: site}
---
apiVersion: v1
kind: Service
metadata: {name: gone, namespace: site}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: gone, namespace: site}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: gone, namespace: site}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: gone}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: gone, namespace: site}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: gone}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: gone, namespace: site}
spec: {secretName: gone, secretTemplate: {labels: {trust: plant}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gone, namespace: site}
`

// stays is the registry, whose Service served HTTPS before it served HTTP.
const stays = `apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: site}
spec: {template: {spec: {containers: [{name: registry}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: site, labels: {app: edge}}
spec: {ports: [{name: http, port: 80}]}
---
`

// referrer is a document that refers to something.
func referrer(apiVersion, kind, namespace, rest string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: user, namespace: %s}\n%s\n", apiVersion, kind, namespace, rest)
}

func TestNothingDangles(t *testing.T) {
	pod := func(rest string) string { return referrer("v1", "Pod", "site", "spec: {"+rest+"}") }
	ingress := func(rest string) string {
		return referrer("networking.k8s.io/v1", "Ingress", "site", "spec: {"+rest+"}")
	}
	gateway := func(namespace, ref string) string {
		return referrer("gateway.networking.k8s.io/v1", "Gateway", namespace, "spec: {listeners: [{tls: {certificateRefs: ["+ref+"]}}]}")
	}
	route := func(kind, ref string) string {
		return referrer("gateway.networking.k8s.io/v1", kind, "site", "spec: {rules: [{backendRefs: ["+ref+"]}]}")
	}
	monitor := func(rest string) string {
		return referrer("monitoring.coreos.com/v1", "ServiceMonitor", "site", "spec: {selector: {matchLabels: {app: edge}}, "+rest+"}")
	}
	webhook := func(service string) string {
		return referrer("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "''", "webhooks: [{clientConfig: {service: "+service+"}}]")
	}
	binding := func(kind, rest string) string {
		return referrer("rbac.authorization.k8s.io/v1", kind, "site", rest)
	}
	for name, c := range map[string]tampering{
		"nothing refers to it": {},

		"a pod's Secret":                {more: pod("volumes: [{secret: {secretName: gone}}]"), want: "Pod/user: spec.volumes[].secret.secretName still refers to Secret gone, which nothing provides any more"},
		"a pod's projected Secret":      {more: pod("volumes: [{projected: {sources: [{secret: {name: gone}}]}}]"), want: "Secret gone"},
		"a pod's ConfigMap":             {more: pod("volumes: [{configMap: {name: gone}}]"), want: "ConfigMap gone"},
		"a pod's claim":                 {more: pod("volumes: [{persistentVolumeClaim: {claimName: gone}}]"), want: "PersistentVolumeClaim gone"},
		"a pod's account":               {more: pod("serviceAccountName: gone"), want: "spec.serviceAccountName still refers to ServiceAccount gone"},
		"a pod's pull Secret":           {more: pod("imagePullSecrets: [{name: gone}]"), want: "Secret gone"},
		"a container's Secret":          {more: pod("containers: [{env: [{valueFrom: {secretKeyRef: {name: gone}}}]}]"), want: "Secret gone"},
		"a start container's ConfigMap": {more: pod("initContainers: [{envFrom: [{configMapRef: {name: gone}}]}]"), want: "ConfigMap gone"},
		"an issuer of the CSI driver":   {more: pod("volumes: [{csi: {volumeAttributes: {csi.cert-manager.io/issuer-name: gone}}}]"), want: "Issuer gone", inDoubt: true},
		"a CronJob's Secret":            {more: referrer("batch/v1", "CronJob", "site", "spec: {jobTemplate: {spec: {template: {spec: {volumes: [{secret: {secretName: gone}}]}}}}}"), want: "Secret gone"},
		"a StatefulSet's Service":       {more: referrer("apps/v1", "StatefulSet", "site", "spec: {serviceName: gone}"), want: "spec.serviceName still refers to Service gone"},
		"an account's Secret":           {more: referrer("v1", "ServiceAccount", "site", "secrets: [{name: gone}]"), want: "Secret gone"},
		"a token's account":             {more: "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: site, annotations: {kubernetes.io/service-account.name: gone}}\n", want: "ServiceAccount gone"},
		"an optional name in a pod's command is no reference": {more: pod("containers: [{command: [gone], env: [{name: secretName, value: gone}]}]")},

		"a Secret of that name in another namespace":   {more: referrer("v1", "Pod", "other", "spec: {volumes: [{secret: {secretName: gone}}]}")},
		"a Secret without a namespace":                 {more: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {volumes: [{secret: {secretName: gone}}]}\n", want: "Secret gone"},
		"another one provides it":                      {more: pod("volumes: [{secret: {secretName: gone}}]") + "---\n" + referrer("v1", "Secret", "site", "") + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: gone, namespace: site}\n"},
		"another one in another namespace does not":    {more: pod("volumes: [{secret: {secretName: gone}}]") + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: gone, namespace: other}\n", want: "Secret gone"},
		"another Certificate writes it":                {more: pod("volumes: [{secret: {secretName: gone}}]") + "---\n" + referrer("cert-manager.io/v1", "Certificate", "site", "spec: {secretName: gone}")},
		"a Certificate that writes it is no reference": {more: referrer("cert-manager.io/v1", "Certificate", "site", "spec: {secretName: gone}")},

		"an Ingress's Secret":                {more: ingress("tls: [{secretName: gone}]"), want: "spec.tls[].secretName still refers to Secret gone"},
		"an Ingress's backend":               {more: ingress("rules: [{http: {paths: [{backend: {service: {name: gone}}}]}}]"), want: "spec.rules[].http.paths[].backend.service still refers to Service gone"},
		"an Ingress's default backend":       {more: ingress("defaultBackend: {service: {name: gone}}"), want: "Service gone"},
		"an Ingress's port by name":          {more: ingress("defaultBackend: {service: {name: edge, port: {name: https}}}"), want: "spec.defaultBackend.service still refers to port https of Service edge"},
		"an Ingress's port by number":        {more: ingress("rules: [{http: {paths: [{backend: {service: {name: edge, port: {number: 443}}}}]}}]"), want: "still refers to port 443 of Service edge"},
		"an Ingress's port that is there":    {more: ingress("defaultBackend: {service: {name: edge, port: {number: 80}}}")},
		"an Ingress's port that never was":   {more: ingress("defaultBackend: {service: {name: edge, port: {number: 8080}}}")},
		"that port of another Service":       {more: ingress("defaultBackend: {service: {name: other, port: {name: https}}}")},
		"that port in another namespace":     {more: referrer("networking.k8s.io/v1", "Ingress", "other", "spec: {defaultBackend: {service: {name: edge, port: {name: https}}}}")},
		"an Ingress's issuer":                {more: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, namespace: site, annotations: {cert-manager.io/issuer: gone}}\n", want: "metadata.annotations.cert-manager.io/issuer still refers to Issuer gone"},
		"an Ingress's cluster issuer":        {more: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, namespace: other, annotations: {cert-manager.io/cluster-issuer: gone}}\n", want: "ClusterIssuer gone", inDoubt: true},
		"a Gateway's Secret":                 {more: gateway("site", "{name: gone}"), want: "spec.listeners[].tls.certificateRefs[] still refers to Secret gone"},
		"a Gateway's Secret of ours":         {more: gateway("other", "{name: gone, namespace: site}"), want: "Secret gone", inDoubt: true},
		"a Gateway's Secret elsewhere":       {more: gateway("site", "{name: gone, namespace: other}")},
		"a Gateway's Secret of another kind": {more: gateway("site", "{name: gone, kind: Secret, group: vault.example.com}")},
		"a route's backend":                  {more: route("HTTPRoute", "{name: gone, port: 1}"), want: "spec.rules[].backendRefs[] still refers to Service gone"},
		"a route's port":                     {more: route("TLSRoute", "{name: edge, port: 443}"), want: "port 443 of Service edge"},
		"a route's backend of another kind":  {more: route("HTTPRoute", "{name: gone, kind: Bucket, group: example.com}")},

		"a ServiceMonitor's CA":               {more: monitor("endpoints: [{tlsConfig: {ca: {secret: {name: gone}}}}]"), want: "Secret gone"},
		"a ServiceMonitor's CA in a map":      {more: monitor("endpoints: [{tlsConfig: {ca: {configMap: {name: gone}}}}]"), want: "ConfigMap gone"},
		"a ServiceMonitor's key":              {more: monitor("endpoints: [{tlsConfig: {keySecret: {name: gone}}}]"), want: "Secret gone"},
		"a ServiceMonitor's port":             {more: monitor("endpoints: [{port: https}]"), want: "spec.endpoints[].port still refers to port https of Service edge"},
		"a ServiceMonitor's port that stays":  {more: monitor("endpoints: [{port: http}]")},
		"a ServiceMonitor of others":          {more: referrer("monitoring.coreos.com/v1", "ServiceMonitor", "site", "spec: {selector: {matchLabels: {app: other}}, endpoints: [{port: https}]}")},
		"a ServiceMonitor elsewhere":          {more: referrer("monitoring.coreos.com/v1", "ServiceMonitor", "other", "spec: {selector: {matchLabels: {app: edge}}, endpoints: [{port: https}]}")},
		"a ServiceMonitor of every namespace": {more: referrer("monitoring.coreos.com/v1", "ServiceMonitor", "other", "spec: {namespaceSelector: {any: true}, selector: {matchLabels: {app: edge}}, endpoints: [{port: https}]}"), want: "port https", inDoubt: true},
		"a ServiceMonitor of this namespace":  {more: referrer("monitoring.coreos.com/v1", "ServiceMonitor", "other", "spec: {namespaceSelector: {matchNames: [site]}, selector: {matchLabels: {app: edge}}, endpoints: [{port: https}]}"), want: "port https", inDoubt: true},
		"a PodMonitor's certificate":          {more: referrer("monitoring.coreos.com/v1", "PodMonitor", "site", "spec: {podMetricsEndpoints: [{tlsConfig: {cert: {secret: {name: gone}}}}]}"), want: "Secret gone"},
		"a Bundle's Secret":                   {more: referrer("trust.cert-manager.io/v1alpha1", "Bundle", "''", "spec: {sources: [{secret: {name: gone, key: ca.crt}}]}"), want: "spec.sources[].secret still refers to Secret gone", inDoubt: true},
		"a Bundle's ConfigMap":                {more: referrer("trust.cert-manager.io/v1alpha1", "Bundle", "''", "spec: {sources: [{configMap: {name: gone}}]}"), want: "ConfigMap gone", inDoubt: true},

		"a Bundle's selector":           {more: referrer("trust.cert-manager.io/v1alpha1", "Bundle", "''", "spec: {sources: [{secret: {selector: {matchLabels: {trust: plant}}}}]}"), want: "spec.sources[].secret.selector selected Certificate/gone, which was removed", inDoubt: true},
		"a Bundle's selector of others": {more: referrer("trust.cert-manager.io/v1alpha1", "Bundle", "''", "spec: {sources: [{secret: {selector: {matchLabels: {trust: other}}}}]}")},

		"a webhook's Service":              {more: webhook("{name: gone, namespace: site}"), want: "webhooks[].clientConfig.service still refers to Service gone"},
		"a webhook's Service elsewhere":    {more: webhook("{name: gone, namespace: other}")},
		"an APIService's Service":          {more: referrer("apiregistration.k8s.io/v1", "APIService", "''", "spec: {service: {name: gone, namespace: site}}"), want: "Service gone"},
		"an APIService of another":         {more: referrer("apiregistration.k8s.io/v1", "APIService", "''", "spec: {service: {name: gone, namespace: other}}")},
		"a CRD's conversion":               {more: referrer("apiextensions.k8s.io/v1", "CustomResourceDefinition", "''", "spec: {conversion: {webhook: {clientConfig: {service: {name: gone, namespace: site}}}}}"), want: "Service gone"},
		"an injected CA":                   {more: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a, annotations: {cert-manager.io/inject-ca-from: site/gone}}\n", want: "Certificate gone"},
		"an injected CA of another":        {more: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a, annotations: {cert-manager.io/inject-ca-from-secret: other/gone}}\n"},
		"a CRD that describes such fields": {more: referrer("apiextensions.k8s.io/v1", "CustomResourceDefinition", "''", "spec: {versions: [{schema: {secretName: gone, service: {name: gone}}}]}")},

		"a binding's Role":                 {more: binding("RoleBinding", "roleRef: {kind: Role, name: gone}"), want: "roleRef still refers to Role gone"},
		"a binding's ClusterRole":          {more: binding("ClusterRoleBinding", "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gone}"), want: "ClusterRole gone"},
		"a binding's ClusterRole by Role":  {more: referrer("rbac.authorization.k8s.io/v1", "RoleBinding", "other", "roleRef: {kind: Role, name: gone}")},
		"a binding's account":              {more: binding("RoleBinding", "subjects: [{kind: ServiceAccount, name: gone}]"), want: "subjects[] still refers to ServiceAccount gone", inDoubt: true},
		"a cluster binding's account":      {more: binding("ClusterRoleBinding", "subjects: [{kind: ServiceAccount, name: gone, namespace: site}]"), want: "ServiceAccount gone", inDoubt: true},
		"a cluster binding's account else": {more: binding("ClusterRoleBinding", "subjects: [{kind: ServiceAccount, name: gone, namespace: other}, {kind: User, name: gone}]")},

		"a Certificate's Issuer":              {more: referrer("cert-manager.io/v1", "Certificate", "site", "spec: {issuerRef: {name: gone}}"), want: "spec.issuerRef still refers to Issuer gone"},
		"a Certificate's Issuer elsewhere":    {more: referrer("cert-manager.io/v1", "Certificate", "other", "spec: {issuerRef: {name: gone}}")},
		"a Certificate's issuer of a project": {more: referrer("cert-manager.io/v1", "Certificate", "site", "spec: {issuerRef: {name: gone, group: awspca.cert-manager.io}}")},
		"a request's ClusterIssuer":           {more: referrer("cert-manager.io/v1", "CertificateRequest", "site", "spec: {issuerRef: {name: gone, kind: ClusterIssuer}}"), want: "ClusterIssuer gone"},
		"a keystore's password":               {more: referrer("cert-manager.io/v1", "Certificate", "site", "spec: {keystores: {jks: {passwordSecretRef: {name: gone}}}}"), want: "Secret gone"},
		"an Issuer's CA":                      {more: referrer("cert-manager.io/v1", "Issuer", "site", "spec: {ca: {secretName: gone}}"), want: "spec.ca.secretName still refers to Secret gone"},
		"a ClusterIssuer's CA":                {more: referrer("cert-manager.io/v1", "ClusterIssuer", "''", "spec: {ca: {secretName: gone}}"), want: "Secret gone", inDoubt: true},
		"an autoscaler's target":              {more: referrer("autoscaling/v2", "HorizontalPodAutoscaler", "site", "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: gone}}"), want: "spec.scaleTargetRef still refers to Deployment gone"},
		"a disruption budget selects only":    {more: referrer("policy/v1", "PodDisruptionBudget", "site", "spec: {selector: {matchLabels: {serviceName: gone}}}")},

		"a custom resource's Secret":   {more: referrer("example.com/v1", "Proxy", "site", "spec: {tls: {secretName: gone}}"), want: "Proxy/user: secretName still refers to Secret gone", inDoubt: true},
		"a custom resource's list":     {more: referrer("example.com/v1", "Proxy", "site", "spec: {backendRefs: [{name: gone}]}"), want: "backendRefs still refers to Service gone", inDoubt: true},
		"a custom resource elsewhere":  {more: referrer("example.com/v1", "Proxy", "other", "spec: {tls: {secretName: gone}}")},
		"a kind of the same name":      {more: referrer("serving.knative.dev/v1", "Service", "site", "spec: {template: {spec: {volumes: [{secret: {secretName: gone}}]}}}"), want: "Secret gone", inDoubt: true},
		"a ConfigMap that mentions it": {more: referrer("v1", "ConfigMap", "site", "data: {secretName: gone}")},
	} {
		t.Run(name, func(t *testing.T) {
			c.removed = went
			c.check(t, stays, decision.Decision{Container: "registry", CertificatePath: "/certs", Namespace: "site", FormerPorts: []string{"https", "443"}})
		})
	}
}

// kustomize has changed the names of objects by then, and of what refers to them not yet.
func TestNothingDanglesByFormerNames(t *testing.T) {
	const annotations = "{internal.config.kubernetes.io/previousNames: 'gone,b-gone', internal.config.kubernetes.io/previousNamespaces: 'default,default'}"
	account := "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a-b-gone, namespace: site, annotations: " + annotations + "}\n"
	for name, c := range map[string]tampering{
		"a former name":                        {more: referrer("v1", "Pod", "site", "spec: {serviceAccountName: b-gone}"), removed: account, want: "ServiceAccount b-gone"},
		"the name":                             {more: referrer("v1", "Pod", "site", "spec: {serviceAccountName: a-b-gone}"), removed: account, want: "ServiceAccount a-b-gone"},
		"another name":                         {more: referrer("v1", "Pod", "site", "spec: {serviceAccountName: c-gone}"), removed: account},
		"a former namespace":                   {more: referrer("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "''", "subjects: [{kind: ServiceAccount, name: gone, namespace: default}]"), removed: account, want: "ServiceAccount gone", inDoubt: true},
		"another one that formerly was called": {more: referrer("v1", "Pod", "site", "spec: {serviceAccountName: gone}") + "---\n" + account, removed: "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: gone, namespace: site}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c.check(t, stays, decision.Decision{Container: "registry", CertificatePath: "/certs", Namespace: "site"})
		})
	}
}

// Without a namespace anywhere, names decide.
func TestNothingDanglesWithoutANamespace(t *testing.T) {
	c := tampering{
		more:    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: any}\nspec: {volumes: [{secret: {secretName: gone}}]}\n",
		removed: "apiVersion: v1\nkind: Secret\nmetadata: {name: gone}\n",
		want:    "Secret gone",
	}
	c.check(t, stays, decision.Decision{Container: "registry", CertificatePath: "/certs"})
}

// bundled is what may be left beside the registry of a cert-manager.
const bundled = stays + `apiVersion: apps/v1
kind: Deployment
metadata: {name: cert-manager, namespace: site, labels: {app.kubernetes.io/instance: edge}}
spec: {template: {spec: {containers: [{name: c, image: "mirror.example.com:5000/jetstack/cert-manager-controller:v1.19.0"}]}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: issuers.cert-manager.io, labels: {app.kubernetes.io/instance: edge}}
---
`

func TestCertManagerMustBeGone(t *testing.T) {
	const controller = "Deployment/cert-manager: is still there, although the bundled cert-manager was to go"
	const crd = "{name: issuers.cert-manager.io, labels: {app.kubernetes.io/instance: edge}}"
	const image = "mirror.example.com:5000/jetstack/cert-manager-controller:v1.19.0"
	noController := []string{image, "example.com/other"}
	for name, c := range map[string]tampering{
		"a controller":                        {want: controller},
		"a webhook in a StatefulSet":          {changes: []string{image, "quay.io/jetstack/cert-manager-webhook@sha256:00", "kind: Deployment\nmetadata: {name: cert-manager", "kind: StatefulSet\nmetadata: {name: cert-manager"}, want: "StatefulSet/cert-manager: is still there"},
		"a cainjector without a tag":          {changes: []string{image, "cert-manager-cainjector"}, want: controller},
		"a CRD":                               {changes: noController, want: "CustomResourceDefinition/issuers.cert-manager.io: is still there"},
		"a CRD of ACME":                       {changes: append(noController, "issuers.cert-manager.io", "orders.acme.cert-manager.io"), want: "orders.acme.cert-manager.io: is still there"},
		"another project's CRD":               {changes: append(noController, "issuers.cert-manager.io", "bundles.trust.cert-manager.io")},
		"another project's CRD of that group": {changes: append(noController, "issuers.cert-manager.io", "googlecasclusterissuers.cas-issuer.jetstack.io")},
		"the cluster's CRD":                   {changes: append(noController, crd, "{name: issuers.cert-manager.io}")},
		"the CRD of another release":          {changes: append(noController, crd, "{name: issuers.cert-manager.io, labels: {app.kubernetes.io/instance: cert-manager}}")},
		"another project's controller":        {changes: []string{image, "quay.io/jetstack/cert-manager-approver-policy:v0.19.0", crd, "{name: a}"}},
		"the driver of another project":       {changes: []string{image, "quay.io/jetstack/cert-manager-csi-driver:v0.10.0", crd, "{name: a}"}},
		"the controller of another release":   {changes: []string{"name: cert-manager, namespace: site, labels: {app.kubernetes.io/instance: edge}", "name: cert-manager, namespace: site, labels: {app.kubernetes.io/instance: cm}", crd, "{name: a}"}},
		"the controller of another namespace": {changes: []string{"name: cert-manager, namespace: site", "name: cert-manager, namespace: cert-manager", crd, "{name: a}"}},
		"nothing was to go":                   {expect: func(e *decision.Decision) { e.Bundle = nil }},
	} {
		if c.expect == nil {
			removed, err := resource.ParseStream([]byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gone, namespace: site, labels: {app.kubernetes.io/instance: edge}}\n"))
			require.NoError(t, err)
			objects, err := removed.Select(nil)
			require.NoError(t, err)
			removed.Remove(objects[0])
			c.expect = func(e *decision.Decision) { e.Bundle = objects }
		}
		t.Run(name, func(t *testing.T) {
			c.check(t, bundled, decision.Decision{Container: "registry", CertificatePath: "/certs", Namespace: "site", Instance: "edge"})
		})
	}
}
