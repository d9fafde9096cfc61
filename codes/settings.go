package codes

// Mistakes in the extension's settings and in the connection string among them.
var (
	UnknownSetting = declare(Settings, "unknown-setting",
		"The documentation knows no such setting. `az` takes it all the same and the chart ignores it, as it does `service-clusterIP` and `pvc-storageClassName`, which the documentation has by mistake.",
		"Write the setting that the message suggests, with dots.")
	MalformedSetting = declare(Settings, "malformed-setting",
		"The setting is not `key=value`, or it has two `=` where one is meant.",
		"Write `--config` once for each setting, as `key=value`.")
	ByteOrderMark = declare(Settings, "byte-order-mark",
		"The text begins with an invisible mark that Windows programs write. `az` does not read such a file, and a value with the mark is another value.",
		"Save the file as \"UTF-8 without BOM\".")
	CarriageReturn = declare(Settings, "carriage-return",
		"A command on Windows ends its lines with a carriage return, which became part of the value.",
		"Run the command's output through `tr -d '\\r'`.")
	EmptyValue = declare(Settings, "empty-value",
		"The value is empty. Most often it comes from a variable that was not set.",
		"Set the variable, or remove the setting.")
	Placeholder = declare(Settings, "placeholder",
		"The value is one that somebody, or a shell, was to replace: `<parent gateway endpoint>`, or `$TLS_CRT` in a file that no shell has read.",
		"Write the value itself. In a here-document use `cat <<EOF`, not `cat <<'EOF'`.")
	UnquotedVariable = declare(Settings, "unquoted-variable",
		"A JSON file holds `$TLS_CRT` outside of quotes, as the documentation's example has it since 2024. JSON takes no variables.",
		"Write the value in double quotes, or make the file with `cat <<EOF` and `\"$TLS_CRT\"` in double quotes.")
	InvalidJSON = declare(Settings, "invalid-json",
		"A file of settings is one JSON object, and this one is not.",
		"Correct it at the line and column that the message names.")
	RepeatedSetting = declare(Settings, "repeated-setting",
		"A setting is given twice with different values.",
		"Remove one. The last one holds.")
	SecretInTheOpen = declare(Settings, "secret-in-the-open",
		"A secret is given with `--config`, where Azure stores and shows it in clear and the shell keeps it in its history, or the chart renders it as plain text.",
		"Give it with `--config-protected-file`.")

	ConnectionStringMalformed = declare(Connection, "connection-string-malformed",
		"The text is not made of `name=value` parts with `;` between them, or a part has a value that it cannot have.",
		"Write it on one line as `az acr connected-registry get-settings` prints it.")
	ConnectionStringIncomplete = declare(Connection, "connection-string-incomplete",
		"A part that the registry needs is missing or empty.",
		"Write what `az acr connected-registry get-settings --generate-password 1 --parent-protocol https` prints.")
	ConnectionStringMixed = declare(Connection, "connection-string-mixed",
		"It names a sync token and a managed identity. The registry refuses that when it starts.",
		"Keep `SyncTokenName` and `SyncTokenPassword`, or `ManagedIdentityClientId`.")
	PasswordNotGenerated = declare(Connection, "password-not-generated",
		"`get-settings` prints a text in the password's place when it makes none. The string looks right, and fails only when the registry activates itself.",
		"Run `get-settings` with `--generate-password 1`.")
	ParentProtocol = declare(Connection, "parent-protocol",
		"A parent in the cloud answers https only. Only a parent that is itself a connected registry may serve http.",
		"Write `ParentEndpointProtocol=https`.")
	ConnectionStringPlace = declare(Connection, "connection-string-place",
		"The registry's container takes its connection string from a place where it cannot be written: from no Secret, or from one that the render does not hold.",
		"Render the chart with `connectionString`, any text, so that it makes the Secret, or write the string into the cluster's Secret and leave the setting out.")
)
