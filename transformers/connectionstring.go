package transformers

import (
	"encoding/base64"

	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// connectionString puts the connection string of the settings where the registry
// reads it: into the Secret that its environment refers to, or into the variable
// itself where the chart, as those of 2022 did, states it there. It says which
// registry's it is, and nothing else of it.
func connectionString(r *render) error {
	c := r.scenario.ConnectionString()
	if c == nil {
		return nil
	}
	workload := r.registry.Workload
	env := registry.Variable(r.registry.Container, registry.ConnectionEnv)
	if env == nil {
		return r.connectionFromWholeSecret(c.Reveal(), c.RegistryName())
	}
	if ref := lookup(env, "valueFrom", "secretKeyRef"); ref != nil {
		return r.writeConnection(text(ref, "name"), text(ref, "key"), c.Reveal(), c.RegistryName())
	}
	if lookup(env, "valueFrom") != nil {
		return problemWith(codes.ConnectionStringPlace, workload, "env "+registry.ConnectionEnv, "have the chart take it from a Secret, or leave connectionString out",
			"its value comes from something that is no Secret, where a password must not be written")
	}
	if putText(env, c.Reveal(), "value") {
		r.changed(workload, "set %s to that of registry %s", registry.ConnectionEnv, c.RegistryName())
		r.warn(codes.SecretInTheOpen, workload, "it states the connection string in clear, as the chart rendered it: whoever can read the manifest can read the password")
	}
	return nil
}

// connectionFromWholeSecret is for a container that takes all keys of a Secret as
// its environment.
func (r *render) connectionFromWholeSecret(value, registryName string) error {
	for _, source := range elements(r.registry.Container, "envFrom") {
		name := text(source, "secretRef", "name")
		if name == "" || text(source, "prefix") != "" {
			continue
		}
		o, err := r.named("Secret", name)
		if err != nil {
			return err
		}
		if o != nil && secretData(o)[registry.ConnectionEnv] != nil {
			return r.writeConnection(name, registry.ConnectionEnv, value, registryName)
		}
	}
	return problemWith(codes.ConnectionStringPlace, r.registry.Workload, "env", "render the chart with connectionString, any text, so that it makes the Secret, or leave connectionString out",
		"no variable %s takes a connection string from anywhere", registry.ConnectionEnv)
}

// writeConnection writes a Secret's key in the form that it has there.
func (r *render) writeConnection(name, key, value, registryName string) error {
	o, err := r.named("Secret", name)
	if err != nil {
		return err
	}
	if o == nil {
		return problemWith(codes.ConnectionStringPlace, r.registry.Workload, "env "+registry.ConnectionEnv,
			"write the connection string into that Secret in the cluster, or render the chart with connectionString so that it makes one, or leave connectionString out",
			"it takes key %s of Secret %s, which is not in the render", key, name)
	}
	if string(secretData(o)[key]) == value {
		return nil
	}
	setSecretKey(o, key, value)
	r.changed(o, "set %s to that of registry %s", key, registryName)
	return nil
}

// setSecretKey keeps to stringData where that has the key, because it wins over
// data.
func setSecretKey(o *resource.Object, key, value string) {
	if lookup(o.Node(), "stringData", key) != nil {
		putText(o.Node(), value, "stringData", key)
		return
	}
	putText(o.Node(), base64.StdEncoding.EncodeToString([]byte(value)), "data", key)
}

// noteSettings hands on what the settings' author should know.
func (r *render) noteSettings() {
	for _, note := range r.scenario.Notes() {
		r.report.Warnings = append(r.report.Warnings, Warning{Code: note.Code, Transformer: "settings", Message: note.Message})
	}
}
