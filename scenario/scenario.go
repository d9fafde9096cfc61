//go:generate go test . -run TestFieldDocs -update

// Package scenario holds the ConnectedRegistryScenario API: its types, how a
// scenario file is decoded, how several are layered, and everything about one
// that can be judged without a rendered chart.
//
// The settings are those of the Microsoft.ContainerRegistry.ConnectedRegistry
// Arc extension, camel-cased. A field that is left out means "as the chart
// rendered it"; every leaf is therefore a pointer, a slice or an empty string.
package scenario

// The group, version and kind that a scenario file states.
const (
	APIVersion = "connectedregistry.dev/v1alpha1"
	Kind       = "ConnectedRegistryScenario"
)

// Scenario is one written-down way to secure a connected registry.
type Scenario struct {
	// APIVersion is the version of this API.
	APIVersion string `json:"apiVersion"`
	// Kind is that of every scenario.
	Kind string `json:"kind"`
	// Metadata names the scenario.
	Metadata Metadata `json:"metadata"`
	// Spec states what must hold on the patched chart. A field that is left out
	// means "as the chart rendered it".
	Spec Spec `json:"spec"`
}

// Metadata is the part of Kubernetes' ObjectMeta that a scenario file has a use
// for. Hosts such as kustomize add annotations of their own.
type Metadata struct {
	// Name is a DNS label that the marker annotation records. Layers have one each.
	Name string `json:"name"`
	// Namespace is the release's namespace, for charts whose manifests leave
	// theirs out.
	Namespace string `json:"namespace,omitempty"`
	// Labels are the scenario's own; they change nothing.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are the scenario's own, such as those that tell kustomize how to
	// run it; they change nothing on the chart.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Mode says whether clients may push to the registry.
type Mode string

// The modes that Azure knows for a connected registry today.
const (
	ReadOnlyMode  Mode = "ReadOnly"
	ReadWriteMode Mode = "ReadWrite"
)

// Spec states what must hold on the patched chart.
type Spec struct {
	// Mode says whether clients may push to the registry. It is a property of the
	// Azure resource that no manifest can change; stating it records it as a label.
	Mode *Mode `json:"mode,omitempty"`
	// ReadOnly says what of a read-only registry the pod itself shall hold.
	ReadOnly *ReadOnly `json:"readOnly,omitempty"`
	// Service is the registry's Service.
	Service *Service `json:"service,omitempty"`
	// CertManager is where the registry's certificate comes from by default.
	CertManager *CertManager `json:"certManager,omitempty"`
	// TLS is a certificate of one's own, in exactly one of three ways: secret; crt
	// and key; or crtFile and keyFile. It turns certManager off.
	TLS *TLS `json:"tls,omitempty"`
	// TrustDistribution is the DaemonSet that configures containerd on nodes.
	TrustDistribution *TrustDistribution `json:"trustDistribution,omitempty"`
	// HTTPEnabled true serves plain HTTP, without any TLS.
	HTTPEnabled *bool `json:"httpEnabled,omitempty"`
	// RegistryLoginServer is the host that clients use, with :port unless that is 80
	// or 443. The certificate must hold it.
	RegistryLoginServer *string `json:"registryLoginServer,omitempty"`
	// PVC is the volume claim that holds the registry's data.
	PVC *PVC `json:"pvc,omitempty"`
	// Targets says which object plays which role, where recognition cannot.
	Targets *Targets `json:"targets,omitempty"`
}

// ReadOnly holds the two guarantees that manifests can give by themselves.
type ReadOnly struct {
	// Enforce puts a proxy that lets no push through between the Service and the
	// registry, as a sidecar with nginx. False takes it out, as mode: ReadWrite does.
	Enforce *bool `json:"enforce,omitempty"`
	// ProxyImage is the proxy's image: any with nginx 1.19.5 or later on its PATH. Name
	// the site's mirror, and pin it by digest. Only with enforce: true.
	ProxyImage *string `json:"proxyImage,omitempty"`
	// TokenPath is the path of the realm that the registry's challenge
	// (WWW-Authenticate) names, where clients get their tokens. Only with enforce: true.
	TokenPath *string `json:"tokenPath,omitempty"`
	// RootFilesystem makes the registry container's root file system read-only.
	RootFilesystem *bool `json:"rootFilesystem,omitempty"`
	// WritablePaths are absolute paths that stay writable, each as an emptyDir.
	// An empty list means none. Only with rootFilesystem: true.
	WritablePaths []string `json:"writablePaths,omitzero"`
}

// Service is the registry's Service.
type Service struct {
	// ClusterIP is an IPv4 or IPv6 address within the cluster's service range.
	ClusterIP *string `json:"clusterIP,omitempty"`
}

// CertManager is the extension's cert-manager.* settings, and what its
// Certificate can be told.
type CertManager struct {
	// Enabled makes sure of an Issuer and a Certificate for the registry.
	Enabled *bool `json:"enabled,omitempty"`
	// Install false takes the bundled cert-manager out; true makes sure that the
	// chart rendered it.
	Install *bool `json:"install,omitempty"`
	// IssuerRef is the issuer that signs the registry's certificate. Left out it
	// means a self-signed CA in the release's namespace.
	IssuerRef *IssuerRef `json:"issuerRef,omitempty"`
	// Duration is the certificate's life, 2160h for 90 days; at least 1h.
	Duration *string `json:"duration,omitempty"`
	// RenewBefore is how long before its end it is renewed; at least 5m and less
	// than the duration.
	RenewBefore *string `json:"renewBefore,omitempty"`
	// PrivateKey is the key that cert-manager makes.
	PrivateKey *PrivateKey `json:"privateKey,omitempty"`
	// DNSNames are names (a leading "*." is a wildcard) that the certificate shall
	// hold beside those that the Service and the login server need. An empty list
	// takes back what an earlier layer stated.
	DNSNames []string `json:"dnsNames,omitzero"`
	// IPAddresses are addresses that the certificate shall hold beside the
	// Service's. An empty list takes back what an earlier layer stated.
	IPAddresses []string `json:"ipAddresses,omitzero"`
}

// IssuerRef names a cert-manager issuer.
type IssuerRef struct {
	// Name is the issuer's.
	Name string `json:"name"`
	// Kind is Issuer or ClusterIssuer, or with a group an external issuer's kind.
	Kind string `json:"kind,omitempty"`
	// Group is the API group of an external issuer.
	Group string `json:"group,omitempty"`
}

// PrivateKey is the private key's shape, as in cert-manager's API.
type PrivateKey struct {
	// Algorithm is the key's. Left out, it is as the chart's Certificate has it, or
	// RSA.
	Algorithm *string `json:"algorithm,omitempty"`
	// Size is the key's in bits. Ed25519 has none to choose.
	Size *int `json:"size,omitempty"`
	// RotationPolicy says whether a renewed certificate gets a new key.
	RotationPolicy *string `json:"rotationPolicy,omitempty"`
}

// TLS is exactly one of: Secret; Crt and Key; CrtFile and KeyFile.
type TLS struct {
	// Secret names an existing kubernetes.io/tls Secret in the release's namespace.
	Secret *string `json:"secret,omitempty"`
	// Crt is the certificate, intermediate ones after it, on one line as in
	// protected settings.
	Crt *string `json:"crt,omitempty"`
	// Key is the certificate's private key, not encrypted, on one line as in
	// protected settings.
	Key *string `json:"key,omitempty"`
	// CaCrt is the CA that signed the certificate, which nodes are told to trust, on
	// one line as in protected settings.
	CaCrt *string `json:"caCrt,omitempty"`
	// CrtFile is a PEM file with what crt holds; its path is relative to the
	// scenario file.
	CrtFile *string `json:"crtFile,omitempty"`
	// KeyFile is a PEM file with what key holds; its path is relative to the
	// scenario file.
	KeyFile *string `json:"keyFile,omitempty"`
	// CaCrtFile is a PEM file with what caCrt holds; its path is relative to the
	// scenario file.
	CaCrtFile *string `json:"caCrtFile,omitempty"`

	// material is what Resolve read or decoded.
	material *Material
}

// Material is PEM: a certificate (with its intermediates), its key and, where
// known, the CA that signed it.
type Material struct {
	Crt, Key, CaCrt []byte
}

// String keeps key material out of every log and error.
func (Material) String() string { return "<redacted>" }

// GoString keeps key material out of every log and error.
func (Material) GoString() string { return "<redacted>" }

// Material returns the certificate and key that the scenario brings along, nil
// where it names a Secret. It is there after Resolve.
func (t *TLS) Material() *Material {
	if t == nil {
		return nil
	}
	return t.material
}

// TrustDistribution is the extension's trustDistribution.* settings.
type TrustDistribution struct {
	// Enabled false takes the DaemonSet and what only it used out; true makes sure
	// that the chart rendered it.
	Enabled *bool `json:"enabled,omitempty"`
	// UseNodeSelector true restricts it to nodes labelled
	// containerd-configured-by=connected-registry.
	UseNodeSelector *bool `json:"useNodeSelector,omitempty"`
}

// PVC is the extension's pvc.* settings.
type PVC struct {
	// StorageClassName is a StorageClass's name.
	StorageClassName *string `json:"storageClassName,omitempty"`
	// StorageRequest is how much the claim asks for.
	StorageRequest *string `json:"storageRequest,omitempty"`
}

// Targets overrides recognition, a role at a time.
type Targets struct {
	// Workload is the Deployment or StatefulSet that runs the registry.
	Workload *Target `json:"workload,omitempty"`
	// Service is the Service that clients of the registry use.
	Service *Target `json:"service,omitempty"`
	// PVC is the registry's PersistentVolumeClaim.
	PVC *Target `json:"pvc,omitempty"`
	// TrustDistribution is the DaemonSet that configures containerd.
	TrustDistribution *Target `json:"trustDistribution,omitempty"`
	// Certificate is the cert-manager Certificate that the registry serves.
	Certificate *Target `json:"certificate,omitempty"`
	// CertManager is the controller of the cert-manager that the chart bundles, and
	// with it everything that belongs to it.
	CertManager *Target `json:"certManager,omitempty"`
}

// Target selects objects; every field that is stated must match.
type Target struct {
	// Kind is the object's.
	Kind string `json:"kind,omitempty"`
	// Name is the object's.
	Name string `json:"name,omitempty"`
	// Namespace is the object's, as its manifest has it.
	Namespace string `json:"namespace,omitempty"`
	// Labels are some that the object has.
	Labels map[string]string `json:"labels,omitempty"`
}
