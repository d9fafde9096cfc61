package codes

// What does not hold on a result. Nothing is written then.
var (
	MountMismatch = declare(Result, "mount-mismatch",
		"The registry's container would not find exactly the intended Secret with its certificate and key, read-only, where it looks for them, or a container mounts two volumes at one path.",
		"Look at the volumes and mounts of the workload that the message names, and have the chart mount one Secret there.")
	PortMismatch = declare(Result, "port-mismatch",
		"The Service, the container and its probes would disagree about the port, or about HTTP and HTTPS.",
		"Have the chart render a Service whose `targetPort` the container declares, or say with `spec.targets.service` which Service is meant.")
	CertificateWriters = declare(Result, "certificate-writers",
		"Exactly one Certificate must write the Secret that the registry mounts.",
		"Leave one in the render, and say which with `spec.targets.certificate`.")
	ChainBroken = declare(Result, "chain-broken",
		"cert-manager cannot issue the registry's certificate, because an issuer or a CA's Certificate of its chain is gone from the manifests.",
		"Render the chart with its whole chain. If the issuer is in the cluster, state it with `spec.certManager.issuerRef`.")
	DanglingReference = declare(Result, "dangling-reference",
		"An object would refer to something that nothing provides any more: a removed object, a Secret that nothing writes, or a port that the registry's Service has lost. It is a warning if the object is not the release's, works without it, or may mean something else.",
		"Point it elsewhere by chart values, or take it out of the render.")
	NotAsStated = declare(Result, "not-as-stated",
		"A field of the result is not what the scenario states.",
		"It is a mistake of this program: report it with the rendered manifests and the scenario.")
	NotRemoved = declare(Result, "not-removed",
		"An object that was to be removed is still among the manifests.",
		"It is a mistake of this program: report it with the rendered manifests.")
	TrustRemains = declare(Result, "trust-remains",
		"The trust distribution is disabled, and a DaemonSet of the release would still write the container runtime's configuration.",
		"Say with `spec.targets.trustDistribution` that this DaemonSet is meant, or turn it off by chart values.")
	KeptUnproved = declare(Result, "kept-unproved",
		"An object looks like one that the scenario removes, and nothing proves that it is the chart's: no label of the release in its namespace, no template path, no documented name. It stays.",
		"If it is the chart's, name it with the field below `spec.targets` that the message shows; otherwise nothing is to be done.")
	NothingToRemove = declare(Result, "nothing-to-remove",
		"The scenario disables something that the manifests do not hold.",
		"Nothing, if the chart's values disable it already; otherwise name the object with `spec.targets`.")
	TrustMismatch = declare(Result, "trust-mismatch",
		"The nodes would be told to trust the CA in a Secret that the registry's certificate does not depend on.",
		"Have the chart take the CA from a Secret that the message expects, or write `trustDistribution.enabled: false` and distribute the CA yourself.")
	CertManagerRemains = declare(Result, "cert-manager-remains",
		"The bundled cert-manager was to go, and a part of it would stay.",
		"Render the chart with `cert-manager.install=false`.")
	NameTaken = declare(Result, "name-taken",
		"An object that was added has the name of another one.",
		"Rename the other one, or take it out of the render.")
	EnforcementIncomplete = declare(Result, "enforcement-incomplete",
		"The proxy that lets no push through would be gone around, or would not work.",
		"Say with `spec.targets.service` which Service is the registry's, and have the chart render no other that leads to its port; else report it with the render.")
	EnforcementRemains = declare(Result, "enforcement-remains",
		"A part of the proxy would stay, although the registry is not enforced to be read-only any more.",
		"Render the chart anew, without what an earlier run added; else report it with the render.")
	AnnotationLost = declare(Result, "annotation-lost",
		"An annotation that an object came with would be lost or changed.",
		"This is a mistake of the program: report it with the render. Until then leave out of the scenario what changes that object.")
	ConnectionStringLost = declare(Result, "connection-string-lost",
		"The registry's container would not find the connection string that was given.",
		"Have the chart take it from one key of one Secret, or give it to the chart.")
)

// How the program is called, and what its surroundings do.
var (
	CommandLine = declare(Calling, "command-line",
		"The command, a flag or an argument is not one that the program has.",
		"See the command's `--help`.")
	NoScenario = declare(Calling, "no-scenario",
		"Nothing says which scenario to apply.",
		"Give `--scenario FILE` (under Helm `--post-renderer-args=--scenario=FILE`), set `CONNECTED_REGISTRY_SCENARIO`, or give settings with `--config`.")
	StreamFailed = declare(Calling, "stream-failed",
		"stdin could not be read, or stdout not written: a full disk, or a reader that ended early.",
		"Look at the program at the other end of the pipe.")
	FunctionConfig = declare(Calling, "function-config",
		"A functionConfig that is a ConfigMap may hold `scenario` and nothing else.",
		"Write `scenario=FILE`, or make the functionConfig a scenario.")
	CommandUnknown = declare(Calling, "command-unknown",
		"`convert` reads one `az k8s-extension create` or `update`, or one `helm upgrade`, `install` or `template`, for the connected registry.",
		"Paste such a command, whole.")
	InstallRefused = declare(Calling, "install-refused",
		"The plugin cannot be put where kustomize looks for it, or something else is there.",
		"Move away what is there, or set `KUSTOMIZE_PLUGIN_HOME`.")
	ExportRefused = declare(Calling, "export-refused",
		"The export would overwrite files of somebody else's, write a secret down, or leave something out.",
		"Do what the message says, and export again.")
	NothingToExport = declare(Calling, "nothing-to-export",
		"The scenario holds on the render already.",
		"Deploy the render as it is.")
	Unforeseen = declare(Calling, "unforeseen",
		"An error of a library or of the system, which the message repeats.",
		"If the message does not help, report it.")
)
