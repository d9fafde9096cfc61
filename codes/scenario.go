package codes

// Mistakes in a scenario file, before any render is looked at.
var (
	NotAScenario = declare(ScenarioFile, "not-a-scenario",
		"The file is empty, is of another kind, or lacks `apiVersion`, `kind` or `metadata.name`.",
		"Begin the file with `apiVersion: connectedregistry.dev/v1alpha1`, `kind: ConnectedRegistryScenario` and a `metadata.name`.")
	SeveralDocuments = declare(ScenarioFile, "several-documents",
		"One file holds several YAML documents.",
		"Write each scenario in a file of its own, and give `--scenario` once for each.")
	FileTooLarge = declare(ScenarioFile, "file-too-large",
		"The file, or what its aliases stand for, is larger than anything that Kubernetes takes.",
		"Check that it is the right file. Kubernetes takes objects of about 1.5 MiB.")
	NotUTF8 = declare(ScenarioFile, "not-utf8",
		"The text is UTF-16, as Windows PowerShell's `>` writes it, or in an old 8-bit encoding.",
		"Save it as UTF-8.")
	InvalidYAML = declare(ScenarioFile, "invalid-yaml",
		"The text is no YAML, or uses something of YAML that is not taken here, such as a key that is stated twice in a manifest.",
		"Look at the line that the message names, and the one above it. YAML indents with spaces.")
	UnknownField = declare(ScenarioFile, "unknown-field",
		"A scenario has no field of that name there. It is a typing mistake, a field at the wrong depth, or a spelling of the extension's settings.",
		"Write what the message suggests. `explain` lists the fields.")
	RenamedSetting = declare(ScenarioFile, "renamed-setting",
		"`skipNodeSelector` and `httpsEnabled` are settings of older documentation. They mean the opposite of `useNodeSelector` and `httpEnabled`.",
		"Write the new one with the opposite value.")
	ChartSetting = declare(ScenarioFile, "chart-setting",
		"The chart has that value, and no manifest can be patched for it.",
		"Give it to Helm or to the extension, and leave it out here.")
	ScenarioArguments = declare(ScenarioFile, "scenario-arguments",
		"`argsOneLiner` and `argsFromFile` are how kustomize hands words to other plugins. This one takes none.",
		"Remove them, and write every setting below `spec`.")
	DuplicateField = declare(ScenarioFile, "duplicate-field",
		"A key stands twice in the same place, and readers disagree about which one holds.",
		"Remove one of the two.")
	DuplicateValue = declare(ScenarioFile, "duplicate-value",
		"A list holds the same value twice.",
		"Remove one of the two.")
	WrongType = declare(ScenarioFile, "wrong-type",
		"The value is of another type than the field: text for true or false, one value for a list. YAML takes `yes` and `no` for text.",
		"Write the value in the form that the message names. Text that looks like a number goes in quotes.")
	ControlCharacter = declare(ScenarioFile, "control-character",
		"The text holds a character that cannot be seen and that no field can mean.",
		"Type the value instead of pasting it.")
	CurlyQuotes = declare(ScenarioFile, "curly-quotes",
		"Curly quotes came along from a web page or a word processor. They are part of the value then, and no quotes.",
		"Write straight ones: `\"` or `'`.")
	InvalidValue = declare(ScenarioFile, "invalid-value",
		"The field takes one of a few words, and this is none of them. Letter case matters.",
		"Write one of the words that the message names.")
	InvalidName = declare(ScenarioFile, "invalid-name",
		"Kubernetes does not take that as the name of an object, a label or a host.",
		"Use lower-case letters, digits and `-`, with a letter or digit at both ends.")
	InvalidAddress = declare(ScenarioFile, "invalid-address",
		"The value is no IP address that a Service or a host can have.",
		"Write an address without prefix length, port and brackets. A `clusterIP` is one of the cluster's service range that no Service has yet.")
	InvalidPath = declare(ScenarioFile, "invalid-path",
		"The path cannot be mounted into the container as a writable folder.",
		"Write an absolute path such as `/tmp`.")
	InvalidImage = declare(ScenarioFile, "invalid-image",
		"The value is no reference to a container image.",
		"Write it as a manifest has it, with a tag or a digest: `mirror.example.com/nginx:1.29`.")
	InvalidTokenPath = declare(ScenarioFile, "invalid-token-path",
		"The value is no path that a registry's challenge can name.",
		"Write the path of the realm, from `curl -i` of `/v2/`, without the host: `/acr/oauth2/token`.")
	InvalidQuantity = declare(ScenarioFile, "invalid-quantity",
		"The value is no amount of storage as Kubernetes writes it.",
		"Write a number and a unit, such as `500Gi`.")
	InvalidDuration = declare(ScenarioFile, "invalid-duration",
		"The value is no duration, or one that cert-manager does not take together with the other.",
		"Write hours, minutes and seconds, such as `2160h`. A certificate lives an hour at least, and is renewed before its end.")
	InvalidKeySize = declare(ScenarioFile, "invalid-key-size",
		"The algorithm has no keys of that size.",
		"Write 2048 to 8192 for RSA, and 256, 384 or 521 for ECDSA. Ed25519 has one size only.")
	InvalidLoginServer = declare(ScenarioFile, "invalid-login-server",
		"The login server is not a host, or a host and a port.",
		"Write it without a scheme, a path and a user: `registry.example.com`.")
	MissingField = declare(ScenarioFile, "missing-field",
		"A field that the one around it needs is not there, or a selector selects by nothing.",
		"Write the field that the message names, or remove the one around it.")
	Contradiction = declare(ScenarioFile, "contradiction",
		"Two fields, or two settings, cannot hold together.",
		"Decide which of the two is meant, and remove the other.")
	CertificateSources = declare(ScenarioFile, "certificate-sources",
		"cert-manager, a certificate of your own and plain HTTP exclude each other, and the scenario states two of them.",
		"State one: `certManager.enabled: true`, or `tls`, or `httpEnabled: true`.")
	InstallWithoutEnabled = declare(ScenarioFile, "install-without-enabled",
		"`certManager.install` is true and `certManager.enabled` is not, so that cert-manager would be installed for nothing. The chart refuses this too.",
		"Write `install: false`, or let cert-manager issue the certificate with `enabled: true`.")
	NoEffect = declare(ScenarioFile, "no-effect",
		"A field is stated that nothing will come of, because of another one.",
		"Remove it, or change the field that the message names.")
	TLSIncomplete = declare(ScenarioFile, "tls-incomplete",
		"`spec.tls` must be complete: a certificate and its private key, or the name of a Secret.",
		"Write `secret`, or `crt` and `key`, or `crtFile` and `keyFile`.")
	TLSAmbiguous = declare(ScenarioFile, "tls-ambiguous",
		"`spec.tls` states a certificate in more than one way.",
		"Remove all but one of `secret`, `crt` and `key`, `crtFile` and `keyFile`.")
	FileUnreadable = declare(ScenarioFile, "file-unreadable",
		"A file cannot be read. Paths in a scenario are relative to the scenario's file, in kustomize to the kustomization.",
		"Check the path, and that it may be read.")
	FileNotAPath = declare(ScenarioFile, "file-not-a-path",
		"`crtFile`, `keyFile` and `caCrtFile` take a path, and found was what such a file holds, or nothing.",
		"Write the path of a PEM file, or write the content's base64 as `crt`, `key` or `caCrt`.")
)
