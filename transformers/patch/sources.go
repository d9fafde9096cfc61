package patch

import (
	"slices"
	"strings"
)

// sourceEnv are variables of the registry's container from which a run works out mounts
// and names. Their values are no secrets.
// Source: Microsoft's connected registry documentation.
var sourceEnv = []string{"ACR_REGISTRY_CERTIFICATE_VOLUME", "ACR_REGISTRY_LOGIN_SERVER"}

// sourceTests test what a run works out its changes from, whether it changes that or
// not: the ports and the address of a Service; the containers of a pod, their ports, and
// the Secrets that are mounted. Of another object they test the API version only.
func sourceTests(id Identity, object any) []Operation {
	var e editor
	e.do("test", "/apiVersion", id.APIVersion)
	if id.Kind == "Service" && groupOf(id) == "" {
		for _, field := range []string{"ports", "clusterIP"} {
			e.do("test", "/spec/"+field, lookup(object, "spec", field))
		}
	}
	const at = "/spec/template/spec"
	pod, isPod := lookup(object, "spec", "template", "spec").(map[string]any)
	if !isPod {
		return e.operations
	}
	volumes, _ := pod["volumes"].([]any)
	secrets := e.secretVolumes(at+"/volumes", volumes)
	for _, field := range []string{"initContainers", "containers"} {
		containers, _ := pod[field].([]any)
		e.containers(at+"/"+field, containers, secrets)
	}
	return e.operations
}

// secretVolumes tests the volumes that hold Secrets and returns their names.
func (e *editor) secretVolumes(path string, volumes []any) map[any]bool {
	secrets := map[any]bool{}
	for i, volume := range volumes {
		secret, projected := lookup(volume, "secret"), lookup(volume, "projected", "sources")
		isSecret := secret != nil || strings.Contains(string(raw(projected)), `"secret":`)
		if !isSecret {
			continue
		}
		secrets[lookup(volume, "name")] = true
		e.testItem(path, i, volume)
		if secret == nil {
			e.do("test", at(path, i)+"/projected/sources", projected)
			continue
		}
		for _, field := range []string{"secretName", "items"} {
			e.do("test", at(path, i)+"/secret/"+field, lookup(secret, field))
		}
	}
	return secrets
}

// containers tests which containers there are, in their order, and of each its ports,
// the mounts of Secrets and the variables of sourceEnv.
func (e *editor) containers(path string, containers []any, secrets map[any]bool) {
	if len(containers) == 0 {
		e.do("test", path, nil)
		return
	}
	for i, container := range containers {
		e.testItem(path, i, container)
		e.do("test", at(path, i)+"/ports", lookup(container, "ports"))
		mounts, _ := lookup(container, "volumeMounts").([]any)
		for j, mount := range mounts {
			if secrets[lookup(mount, "name")] {
				e.testItem(at(path, i)+"/volumeMounts", j, mount)
			}
		}
		variables, _ := lookup(container, "env").([]any)
		for j, variable := range variables {
			name, _ := lookup(variable, "name").(string)
			if slices.Contains(sourceEnv, name) {
				e.do("test", at(at(path, i)+"/env", j), variable)
			}
		}
	}
	// kustomize's library counts from the end, too: no container follows the last.
	e.testItem(path, -1, containers[len(containers)-1])
}
