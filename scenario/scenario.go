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
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
}

// Metadata is the part of Kubernetes' ObjectMeta that a scenario file has a use
// for. Hosts such as kustomize add annotations of their own.
type Metadata struct {
	// Name is required: a DNS label that the marker annotation records.
	Name string `json:"name"`
	// Namespace is the release's namespace, for charts whose manifests leave
	// theirs out.
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
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
	// Mode is ReadOnly or ReadWrite. The mode itself is a property of the Azure
	// resource that no manifest can change; stating it records it as a label.
	Mode *Mode `json:"mode,omitempty"`
	// ReadOnly says what of a read-only registry the pod itself shall hold.
	ReadOnly *ReadOnly `json:"readOnly,omitempty"`
	// Service is the registry's Service.
	Service *Service `json:"service,omitempty"`
	// CertManager is where the registry's certificate comes from by default.
	CertManager *CertManager `json:"certManager,omitempty"`
	// TLS is a certificate of one's own: an existing Secret or the material.
	TLS *TLS `json:"tls,omitempty"`
	// TrustDistribution is the DaemonSet that configures containerd on nodes.
	TrustDistribution *TrustDistribution `json:"trustDistribution,omitempty"`
	// HTTPEnabled true serves plain HTTP, without any TLS.
	HTTPEnabled *bool `json:"httpEnabled,omitempty"`
	// RegistryLoginServer is a host name (with a port unless 80 or 443) that
	// clients use; the certificate must hold it.
	RegistryLoginServer *string `json:"registryLoginServer,omitempty"`
	// PVC is the volume claim that holds the registry's data.
	PVC *PVC `json:"pvc,omitempty"`
	// Targets says which object plays which role, where recognition cannot.
	Targets *Targets `json:"targets,omitempty"`
}

// ReadOnly holds the two guarantees that manifests can give by themselves.
type ReadOnly struct {
	// Enforce puts a proxy that lets no push through in front of the registry.
	Enforce *bool `json:"enforce,omitempty"`
	// RootFilesystem makes the registry container's root file system read-only.
	RootFilesystem *bool `json:"rootFilesystem,omitempty"`
	// WritablePaths are absolute paths that stay writable, each as an emptyDir.
	// Left out it means /tmp, and an empty list means none. Only with
	// rootFilesystem: true.
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
	// Install false takes the bundled cert-manager out.
	Install *bool `json:"install,omitempty"`
	// IssuerRef is the issuer that signs the registry's certificate. Left out it
	// means a self-signed CA in the release's namespace.
	IssuerRef *IssuerRef `json:"issuerRef,omitempty"`
	// Duration is the certificate's life, a Go duration in h, m, s; at least 1h.
	Duration *string `json:"duration,omitempty"`
	// RenewBefore is how long before its end it is renewed; at least 5m and less
	// than Duration.
	RenewBefore *string `json:"renewBefore,omitempty"`
	// PrivateKey is the key that cert-manager makes.
	PrivateKey *PrivateKey `json:"privateKey,omitempty"`
	// DNSNames and IPAddresses are SANs beside those that the Service and the
	// login server need. An empty list takes back what an earlier layer stated.
	DNSNames    []string `json:"dnsNames,omitzero"`
	IPAddresses []string `json:"ipAddresses,omitzero"`
}

// IssuerRef names a cert-manager issuer.
type IssuerRef struct {
	// Name is required.
	Name string `json:"name"`
	// Kind is Issuer, ClusterIssuer or an external issuer's kind; left out it
	// means Issuer.
	Kind string `json:"kind,omitempty"`
	// Group left out means cert-manager.io.
	Group string `json:"group,omitempty"`
}

// PrivateKey is the private key's shape, as in cert-manager's API.
type PrivateKey struct {
	// Algorithm is RSA, ECDSA or Ed25519.
	Algorithm *string `json:"algorithm,omitempty"`
	// Size in bits: RSA 2048 to 8192; ECDSA 256, 384 or 521; none for Ed25519.
	Size *int `json:"size,omitempty"`
	// RotationPolicy is Always or Never.
	RotationPolicy *string `json:"rotationPolicy,omitempty"`
}

// TLS is exactly one of: Secret; Crt and Key; CrtFile and KeyFile.
type TLS struct {
	// Secret names an existing kubernetes.io/tls Secret in the release's namespace.
	Secret *string `json:"secret,omitempty"`
	// Crt, Key and CaCrt are PEM in base64 on one line, as in protected settings.
	Crt   *string `json:"crt,omitempty"`
	Key   *string `json:"key,omitempty"`
	CaCrt *string `json:"caCrt,omitempty"`
	// CrtFile, KeyFile and CaCrtFile are PEM files, relative to the scenario file.
	CrtFile   *string `json:"crtFile,omitempty"`
	KeyFile   *string `json:"keyFile,omitempty"`
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
	// Enabled false takes the DaemonSet and what only it used out.
	Enabled *bool `json:"enabled,omitempty"`
	// UseNodeSelector true restricts it to nodes labelled
	// containerd-configured-by=connected-registry.
	UseNodeSelector *bool `json:"useNodeSelector,omitempty"`
}

// PVC is the extension's pvc.* settings.
type PVC struct {
	// StorageClassName is a StorageClass's name.
	StorageClassName *string `json:"storageClassName,omitempty"`
	// StorageRequest is a Kubernetes quantity of bytes, such as 500Gi.
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
}

// Target selects objects; every field that is stated must match.
type Target struct {
	Kind      string            `json:"kind,omitempty"`
	Name      string            `json:"name,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
}
