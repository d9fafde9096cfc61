package codes

// What check --live finds in a cluster.
var (
	NotACluster = declare(Live, "not-a-cluster",
		"What was given with `--live` does not hold what every cluster has.",
		"Make it with the command that `check --live-command` prints.")
	NamespaceMissing = declare(Live, "namespace-missing",
		"The cluster has no namespace of that name yet.",
		"Create it first: `helm install --create-namespace` does, and so does `kubectl create namespace`.")
	NamespaceTerminating = declare(Live, "namespace-terminating",
		"The namespace is being removed, and takes nothing in until it is gone.",
		"Wait until `kubectl get namespace` does not show it any more.")
	PodSecurity = declare(Live, "pod-security",
		"The namespace enforces a Pod Security Standard that forbids pods of the render. The objects would be taken, and their pods never be made.",
		"Label the namespace as the message says, or disable what needs the privilege.")
	CertManagerMissing = declare(Live, "cert-manager-missing",
		"The render has a Certificate, and the cluster has no cert-manager, or none that runs, and the render brings none along.",
		"Install cert-manager before the registry, or state `certManager.install: true` and render the chart with it.")
	CertManagerTwice = declare(Live, "cert-manager-twice",
		"The cluster has a cert-manager, and the render brings a second one. Helm refuses CRDs of another release, and two controllers disturb each other.",
		"State `certManager.install: false`.")
	ReleaseConflict = declare(Live, "release-conflict",
		"An object of the render is in the cluster already, and belongs to another release or to nobody.",
		"Install under another name or in another namespace, or take the other one out first.")
	ImmutableField = declare(Live, "immutable-field",
		"The object is in the cluster already, and Kubernetes does not let that field be changed.",
		"State the value that the cluster has, or delete the object before the upgrade. The message says which.")
	SecretMissing = declare(Live, "secret-missing",
		"A pod takes something from a Secret that the cluster does not have in its namespace. It would wait for it.",
		"Create the Secret in the release's namespace before the registry.")
	AddressTaken = declare(Live, "address-taken",
		"Another Service has the address, and the API server refuses a second one with `422 Unprocessable Entity`.",
		"Choose an address that `kubectl get services --all-namespaces` does not show.")
	AddressOutsideRange = declare(Live, "address-outside-range",
		"The address is not one that the cluster gives to Services, or probably not: the API server refuses it with `422 Unprocessable Entity`.",
		"Choose one of the range that the message names.")
	AddressUnchecked = declare(Live, "address-unchecked",
		"Nothing in the cluster tells of a Service range for addresses of that family.",
		"Ask whoever made the cluster; on AKS `az aks show --query networkProfile.serviceCidrs` does.")
	StorageClassMissing = declare(Live, "storage-class-missing",
		"The claim asks for a storage class that the cluster does not have, or for a default where there is none. It would stay Pending, and the pod with it.",
		"Write one of `kubectl get storageclasses` to `pvc.storageClassName`.")
)
