package postconditions

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// field is a place in an object that refers to another one.
type field struct {
	// path leads there: `[]` is every item of a list, `*` every field of a mapping.
	path string
	// kind is the kind that the field refers to, unless the field itself names one.
	kind string
	// uncertain says that the referred object's namespace is not written there, or
	// that the object works without it.
	uncertain bool
}

// podFields are the references of a pod's spec, as Kubernetes' core API has them.
var podFields = []field{
	{path: "serviceAccountName", kind: "ServiceAccount"},
	{path: "serviceAccount", kind: "ServiceAccount"},
	{path: "imagePullSecrets []", kind: "Secret"},
	{path: "volumes [] secret secretName", kind: "Secret"},
	{path: "volumes [] azureFile secretName", kind: "Secret"},
	{path: "volumes [] * secretRef", kind: "Secret"},
	{path: "volumes [] csi nodePublishSecretRef", kind: "Secret"},
	{path: "volumes [] csi volumeAttributes csi.cert-manager.io/issuer-name", kind: "Issuer", uncertain: true},
	{path: "volumes [] configMap", kind: "ConfigMap"},
	{path: "volumes [] projected sources [] secret", kind: "Secret"},
	{path: "volumes [] projected sources [] configMap", kind: "ConfigMap"},
	{path: "volumes [] persistentVolumeClaim claimName", kind: "PersistentVolumeClaim"},
	{path: "* [] env [] valueFrom secretKeyRef", kind: "Secret"},
	{path: "* [] env [] valueFrom configMapKeyRef", kind: "ConfigMap"},
	{path: "* [] envFrom [] secretRef", kind: "Secret"},
	{path: "* [] envFrom [] configMapRef", kind: "ConfigMap"},
}

// podSpecs are where the kinds that make pods have the pod's spec.
var podSpecs = map[string]string{
	"Pod": "spec", "apps/Deployment": "spec template spec", "apps/StatefulSet": "spec template spec",
	"apps/DaemonSet": "spec template spec", "apps/ReplicaSet": "spec template spec", "ReplicationController": "spec template spec",
	"batch/Job": "spec template spec", "batch/CronJob": "spec jobTemplate spec template spec",
}

// issuerAnnotations are cert-manager's, of what it makes Certificates for.
var issuerAnnotations = []field{
	{path: "metadata annotations cert-manager.io/issuer", kind: "Issuer"},
	{path: "metadata annotations cert-manager.io/cluster-issuer", kind: "ClusterIssuer"},
}

// injections are cert-manager's annotations for CA bundles: namespace/name.
var injections = []field{
	{path: "metadata annotations cert-manager.io/inject-ca-from", kind: "Certificate"},
	{path: "metadata annotations cert-manager.io/inject-ca-from-secret", kind: "Secret"},
}

// fields are the references of every other kind by group and kind, from the types of
// Kubernetes, cert-manager, trust-manager, the Gateway API and the Prometheus operator.
// A kind without any is known to have none.
var fields = map[string][]field{
	"ConfigMap": nil, "Namespace": nil, "PersistentVolumeClaim": nil, "Service": nil,
	"networking.k8s.io/NetworkPolicy": nil, "policy/PodDisruptionBudget": nil,
	"rbac.authorization.k8s.io/Role": nil, "rbac.authorization.k8s.io/ClusterRole": nil,

	"Secret":           {{path: "metadata annotations kubernetes.io/service-account.name", kind: "ServiceAccount"}},
	"ServiceAccount":   {{path: "secrets []", kind: "Secret"}, {path: "imagePullSecrets []", kind: "Secret"}},
	"apps/StatefulSet": {{path: "spec serviceName", kind: "Service"}},
	"networking.k8s.io/Ingress": append([]field{
		{path: "spec tls [] secretName", kind: "Secret"},
		{path: "spec defaultBackend service", kind: "Service"},
		{path: "spec rules [] http paths [] backend service", kind: "Service"},
		{path: "spec rules [] http paths [] backend serviceName", kind: "Service"}, // v1beta1
	}, issuerAnnotations...),
	"autoscaling/HorizontalPodAutoscaler":      {{path: "spec scaleTargetRef"}},
	"autoscaling.k8s.io/VerticalPodAutoscaler": {{path: "spec targetRef"}},
	"rbac.authorization.k8s.io/RoleBinding": {
		{path: "roleRef"}, {path: "subjects []", uncertain: true},
	},
	"rbac.authorization.k8s.io/ClusterRoleBinding": {
		{path: "roleRef"}, {path: "subjects []", uncertain: true},
	},
	"admissionregistration.k8s.io/MutatingWebhookConfiguration":   append([]field{{path: "webhooks [] clientConfig service", kind: "Service"}}, injections...),
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration": append([]field{{path: "webhooks [] clientConfig service", kind: "Service"}}, injections...),
	"apiregistration.k8s.io/APIService":                           append([]field{{path: "spec service", kind: "Service"}}, injections...),
	"apiextensions.k8s.io/CustomResourceDefinition":               append([]field{{path: "spec conversion webhook clientConfig service", kind: "Service"}}, injections...),

	"cert-manager.io/Certificate": {
		{path: "spec issuerRef", kind: "Issuer"},
		{path: "spec keystores * passwordSecretRef", kind: "Secret"},
	},
	"cert-manager.io/CertificateRequest": {{path: "spec issuerRef", kind: "Issuer"}},
	"cert-manager.io/Issuer": {
		{path: "spec ca secretName", kind: "Secret"},
		{path: "spec vault caBundleSecretRef", kind: "Secret"},
		{path: "spec vault auth * secretRef", kind: "Secret"},
		{path: "spec vault auth tokenSecretRef", kind: "Secret"},
		{path: "spec vault auth clientCertificate secretName", kind: "Secret"},
		{path: "spec venafi tpp credentialsRef", kind: "Secret"},
		{path: "spec venafi cloud apiTokenSecretRef", kind: "Secret"},
	},
	// Its Secrets are in cert-manager's own namespace, which no manifest states.
	"cert-manager.io/ClusterIssuer": {
		{path: "spec ca secretName", kind: "Secret", uncertain: true},
		{path: "spec vault auth tokenSecretRef", kind: "Secret", uncertain: true},
	},
	// Its sources are in trust-manager's trust namespace.
	"trust.cert-manager.io/Bundle": {
		{path: "spec sources [] secret", kind: "Secret", uncertain: true},
		{path: "spec sources [] configMap", kind: "ConfigMap", uncertain: true},
	},
	"gateway.networking.k8s.io/Gateway": append([]field{
		{path: "spec listeners [] tls certificateRefs []", kind: "Secret"},
	}, issuerAnnotations...),
	"gateway.networking.k8s.io/HTTPRoute":        routeFields,
	"gateway.networking.k8s.io/GRPCRoute":        routeFields,
	"gateway.networking.k8s.io/TLSRoute":         routeFields,
	"gateway.networking.k8s.io/TCPRoute":         routeFields,
	"gateway.networking.k8s.io/BackendTLSPolicy": {{path: "spec targetRefs []", kind: "Service"}, {path: "spec validation caCertificateRefs []", kind: "ConfigMap"}},
	"monitoring.coreos.com/ServiceMonitor":       scrapeFields("spec endpoints []"),
	"monitoring.coreos.com/PodMonitor":           scrapeFields("spec podMetricsEndpoints []"),
	"monitoring.coreos.com/Probe":                scrapeFields("spec"),
}

var routeFields = []field{
	{path: "spec rules [] backendRefs []", kind: "Service"},
	{path: "spec rules [] filters [] requestMirror backendRef", kind: "Service"},
}

// scrapeFields are the references of what the Prometheus operator scrapes.
func scrapeFields(endpoint string) []field {
	return []field{
		{path: endpoint + " tlsConfig * secret", kind: "Secret"},
		{path: endpoint + " tlsConfig * configMap", kind: "ConfigMap"},
		{path: endpoint + " tlsConfig keySecret", kind: "Secret"},
		{path: endpoint + " bearerTokenSecret", kind: "Secret"},
		{path: endpoint + " basicAuth *", kind: "Secret"},
		{path: endpoint + " authorization credentials", kind: "Secret"},
	}
}

// groups are the API groups of the kinds that others refer to by kind alone.
var groups = map[string]string{
	"Role": "rbac.authorization.k8s.io", "ClusterRole": "rbac.authorization.k8s.io",
	"Issuer": "cert-manager.io", "ClusterIssuer": "cert-manager.io", "Certificate": "cert-manager.io",
	"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "ReplicaSet": "apps",
}

// fieldsOf returns the references of a kind, and reports whether the kind is known.
func fieldsOf(group, kind string) ([]field, bool) {
	id := strings.TrimPrefix(group+"/"+kind, "/")
	known, isKnown := fields[id]
	pod, hasPod := podSpecs[id]
	if !hasPod {
		return known, isKnown
	}
	all := slices.Clone(known)
	for _, f := range podFields {
		f.path = pod + " " + f.path
		all = append(all, f)
	}
	return all, true
}

// at returns the nodes that a path leads to.
func at(n *yaml.Node, path []string) []*yaml.Node {
	if len(path) == 0 {
		return []*yaml.Node{n}
	}
	var found []*yaml.Node
	switch {
	case path[0] == "[]" && n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			found = append(found, at(item, path[1:])...)
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if path[0] == "*" || path[0] == n.Content[i].Value {
				found = append(found, at(n.Content[i+1], path[1:])...)
			}
		}
	}
	return found
}
