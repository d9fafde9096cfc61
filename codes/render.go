package codes

// What a render lacks or contradicts.
var (
	RegistryNotFound = declare(Render, "registry-not-found",
		"The stream holds no workload that runs an image named `acr/connected-registry` or sets `ACR_REGISTRY_CONNECTION_STRING`.",
		"Check that the chart is in the stream, or say which object it is with `spec.targets.workload`.")
	TargetAmbiguous = declare(Render, "target-ambiguous",
		"Several objects could play the role, and nothing tells them apart.",
		"Say which one is meant with the field below `spec.targets` that the message names.")
	TargetNotFound = declare(Render, "target-not-found",
		"A field below `spec.targets` selects no object of the render.",
		"Correct it, or leave it out.")
	ServiceNotFound = declare(Render, "service-not-found",
		"No Service in the stream selects the registry's pods.",
		"Check that the Service is in the stream, or say which it is with `spec.targets.service`.")
	ClaimNotFound = declare(Render, "claim-not-found",
		"No PersistentVolumeClaim in the stream is mounted where the registry keeps its data.",
		"Check that the claim is in the stream, or say which it is with `spec.targets.pvc`.")
	ServiceForm = declare(Render, "service-form",
		"The Service cannot be given that address: it is headless, of type ExternalName, or of another IP family.",
		"Set the chart value `service.clusterIP`, or state an address that fits the Service.")
	AddressElsewhere = declare(Render, "address-elsewhere",
		"The chart rendered an address, and wrote it into another object too. A patch of the Service alone would leave them disagreeing.",
		"Set the chart value `service.clusterIP`, so that the chart renders it everywhere.")
	NamespaceUnknown = declare(Render, "namespace-unknown",
		"The certificate must hold the Service's cluster-local name, and neither manifests nor scenario say the namespace.",
		"Pass `--namespace`, or write `metadata.namespace` in the scenario.")
	NoBundledCertManager = declare(Render, "no-bundled-cert-manager",
		"The scenario wants the chart's own cert-manager, and the render holds none. A patch cannot bring one.",
		"Render the chart with `cert-manager.install=true`, or write `install: false` and use the cluster's.")
	BundleUnproved = declare(Render, "bundle-unproved",
		"The bundled cert-manager is to be removed, and for some objects nothing proves that they belong to it: they carry no label of it, Helm's comments are gone, or their marks contradict each other.",
		"Name its controller with `spec.targets.certManager`, or take the objects out of the stream.")
	NoTrustDistribution = declare(Render, "no-trust-distribution",
		"The scenario wants the chart's trust distribution, and the render holds no such DaemonSet. A patch cannot bring one.",
		"Render the chart with `trustDistribution.enabled=true`, or write `enabled: false`.")
	NoCertificate = declare(Render, "no-certificate",
		"The registry is to serve HTTPS, and nothing would provide a certificate.",
		"Give `spec.tls` a certificate, or write `certManager.enabled: true`, or serve plain HTTP with `httpEnabled: true`.")
	TrustWithoutCertificate = declare(Render, "trust-without-certificate",
		"The registry is to serve plain HTTP, so there is no certificate that nodes could be told to trust.",
		"Write `trustDistribution.enabled: false`.")
	CertificateOfAnother = declare(Render, "certificate-of-another",
		"A Certificate that is not the registry's own stands in the way: it writes the Secret that is meant, or has the name that is wanted.",
		"Name another Secret, say with `spec.targets.certificate` that it is the registry's, or rename it.")
	NameChanged = declare(Render, "name-changed",
		"An object was renamed, for example by kustomize's `namePrefix`, and a reference to it still has the former name.",
		"Correct the reference, in kustomize with a patch that has the new name: it corrects references of custom resources only after its transformers ran, and only those that a `nameReference` in `configurations` lists.")
	OldCertificate = declare(Render, "old-certificate",
		"The Certificate is of an API version of cert-manager that lacks the stated fields. cert-manager 1.6 and later no longer serve it.",
		"Have the chart render `cert-manager.io/v1`, or leave the fields out of the scenario.")
	SecretType = declare(Render, "secret-type",
		"A TLS Secret is of type `kubernetes.io/tls`. The documentation's example has `type` under `metadata` since 2024, where the API server refuses it.",
		"Write `type: kubernetes.io/tls` at the top level of the Secret.")
	SecretNamespace = declare(Render, "secret-namespace",
		"A pod mounts Secrets of its own namespace only. The Secret that is named is in another, or states none, as the documentation's example, so that it depends on whoever applies it.",
		"Write the release's namespace into the Secret: `metadata.namespace`.")
	SecretKey = declare(Render, "secret-key",
		"The Secret lacks a key, or holds nothing readable under it.",
		"Give the Secret `tls.crt` and `tls.key`, and `ca.crt` where nodes or a volume take it.")
	CAMissing = declare(Render, "ca-missing",
		"The trust distribution hands a CA to the nodes, and there is none to hand out.",
		"Give `spec.tls.caCrt` or `caCrtFile`, put `ca.crt` into the Secret, or write `trustDistribution.enabled: false`.")
	CANotTaken = declare(Render, "ca-not-taken",
		"The trust distribution takes no CA from a Secret, or takes it from one that nothing in the manifests shows to hold the CA of the registry's certificate.",
		"Write `trustDistribution.enabled: false` and distribute the CA yourself, or set the certificate by chart values.")
	ProxyImpossible = declare(Render, "proxy-impossible",
		"Pushes could reach the registry past the proxy that is to refuse them, or the pod has no room for it.",
		"The message names the field. Take it out by chart values, or write `readOnly.enforce: false`.")
	InvalidResourceList = declare(Render, "invalid-resource-list",
		"A KRM function reads one ResourceList with a list of objects.",
		"Check what calls the program. A plain stream of manifests is for `post-render`.")
	NoManifests = declare(Render, "no-manifests",
		"The input is empty. Helm 3 runs post-renderers without input where it writes to `--output-dir`, and leaves the files unpatched.",
		"Leave `--output-dir` out, or render the chart with `helm template RELEASE CHART`.")
	InvalidSeparator = declare(Render, "invalid-separator",
		"A line begins with `---` and goes on with something else. Helm starts a document there, kubectl refuses it or starts one, and YAML takes the line for text.",
		"Put a line break after `---`. Files of the chart's `crds` folder are passed on as they are: correct them there.")
	AmbiguousYAML = declare(Render, "ambiguous-yaml",
		"The document is not the same object to kubectl, Helm and kustomize, so that no change to it is certain to take effect.",
		"Write what the message says, in the chart or file that the document comes from.")
	ObjectTwice = declare(Render, "object-twice",
		"The render holds two objects of the same kind, name and namespace. Helm's hooks may do that, kustomize takes each object once.",
		"Leave one of them out, a hook with `helm template --no-hooks`.")
	ObjectUnwritable = declare(Render, "object-unwritable",
		"An object cannot be read as what it claims to be, or written as YAML that reads back the same.",
		"Correct the object in the chart. A key that is given twice and text that is no UTF-8 are what was seen.")

	CertManagerNeeded = declare(Cluster, "cert-manager-needed",
		"cert-manager issues the registry's certificate, and the render does not bring it along. Without it in the cluster the pod waits for its Secret.",
		"Install cert-manager in the cluster first, or render the chart with `cert-manager.install=true`.")
	InsecureRegistry = declare(Cluster, "insecure-registry",
		"The registry serves plain HTTP, and a container runtime speaks HTTPS until it is told otherwise: `http: server gave HTTP response to HTTPS client`.",
		"Configure every node: for containerd `hosts.toml` in `/etc/containerd/certs.d/<address>:80/` with `server = \"http://<address>:80\"`, for k3s a mirror in `/etc/rancher/k3s/registries.yaml`. Then restart the runtime.")
	DefaultStorage = declare(Cluster, "default-storage",
		"The claim asks for 500Gi of whatever class is the cluster's default. Where there is no default class, or no room, it stays Pending and so does the extension.",
		"State `pvc.storageClassName` and a `pvc.storageRequest` that the class can provide.")
	NoClusterIP = declare(Cluster, "no-cluster-ip",
		"The Service has no fixed address, so that no certificate can hold it. Clients that pull by address will not trust the registry.",
		"State `service.clusterIP`, an address of the cluster's service range that no Service has.")
	PlainHTTP = declare(Cluster, "plain-http",
		"Without TLS whoever is on the way can read and change passwords and images.",
		"Use it for tests only.")
	ProxyBypass = declare(Cluster, "proxy-bypass",
		"The proxy guards the Service's address. Who reaches the pod's own ports pushes past it.",
		"Keep others from these ports with a NetworkPolicy, as docs/security.md shows.")
	NetworkPolicyPorts = declare(Cluster, "network-policy-ports",
		"A NetworkPolicy names ports, and with the proxy clients come in by another one.",
		"Let clients reach the port that the message names, and no other.")
	TrustTwice = declare(Cluster, "trust-twice",
		"The render's own trust distribution configures the nodes, and files for nodes were asked for beside it. One would write over the other.",
		"Write `trustDistribution.enabled: false`, or leave the nodes to the DaemonSet.")
	HooksUnpatched = declare(Cluster, "hooks-unpatched",
		"Helm 3 hands no hooks to a post-renderer. They are run as the chart rendered them.",
		"Set the chart value that leaves the hooks out, use `--no-hooks`, or use Helm 4.")
	CAUnknown = declare(Cluster, "ca-unknown",
		"The Secret is in the cluster and not in the stream, so that nobody can see here whether it has a CA.",
		"Make sure that it holds `ca.crt`.")
	KeptUnused = declare(Cluster, "kept-unused",
		"A Secret stays that nothing in the stream refers to any more. Secrets are never taken out for that.",
		"Delete it if nothing else uses it.")
)
