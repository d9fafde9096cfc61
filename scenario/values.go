package scenario

// The words that fields take, and what is taken where one is left out. Validation,
// explain and the JSON Schema all have them from here. They are functions so that
// no start of the program pays for lists that it does not read.

// What a field that is left out means where it is not "as the chart rendered it".
const (
	DefaultIssuerKind   = "Issuer"
	DefaultIssuerGroup  = "cert-manager.io"
	DefaultWritablePath = "/tmp"
	// DefaultProxyImage is a line of nginx that gets security fixes only.
	DefaultProxyImage = "docker.io/library/nginx:1.28-alpine"
	// DefaultTokenPath is the connected registry's. Source: Azure/acr,
	// docs/preview/connected-registry.
	DefaultTokenPath = "/acr/oauth2/token"
)

// HealthPath is where the read-only proxy answers the kubelet, so that no token can
// be fetched there.
const HealthPath = "/healthz"

// The key algorithms that cert-manager knows.
const (
	rsaKey   = "RSA"
	ecdsaKey = "ECDSA"
	ed25519  = "Ed25519"
)

func modes() []string { return []string{string(ReadOnlyMode), string(ReadWriteMode)} }

// issuerKinds are those of cert-manager's own group.
func issuerKinds() []string { return []string{DefaultIssuerKind, "ClusterIssuer"} }

func keyAlgorithms() []string { return []string{rsaKey, ecdsaKey, ed25519} }

func ecdsaSizes() []int { return []int{256, 384, 521} }

func rotationPolicies() []string { return []string{"Always", "Never"} }

// targetKinds are the kinds of object that can play a role of spec.targets.
func targetKinds(role string) []string {
	switch role {
	case "workload":
		return []string{"Deployment", "StatefulSet"}
	case "service":
		return []string{"Service"}
	case "pvc":
		return []string{"PersistentVolumeClaim"}
	case "trustDistribution":
		return []string{"DaemonSet"}
	case "certificate":
		return []string{"Certificate"}
	}
	return nil
}
