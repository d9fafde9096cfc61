package postconditions

import (
	"encoding/json"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/corev1"
	"github.com/connected-registry/scenario/transformers/resource"
)

// connectionEnv is where the registry reads its connection string.
const connectionEnv = "ACR_REGISTRY_CONNECTION_STRING"

// connectionResolves: a connection string that was given is what the registry's
// container will find, and no failure repeats it.
func connectionResolves(set *resource.Set, e templated) ([]error, error) {
	if e.ConnectionString == "" {
		return nil, nil
	}
	c := e.template.container(e.Container)
	if c == nil {
		return []error{noContainer(e.expected)}, nil
	}
	found, err := connectionOf(set, e.expected, c)
	if err != nil {
		return nil, err
	}
	if found != e.ConnectionString {
		return []error{failure(codes.ConnectionStringLost, e.Workload,
			"have the chart take it from one key of one Secret, or give it to the chart", "%s does not lead to the connection string that was given", connectionEnv)}, nil
	}
	return nil, nil
}

// connectionOf is what kubelet would set the variable to: a container's env wins
// over its envFrom, and of several the last one.
func connectionOf(set *resource.Set, e expected, c *container) (string, error) {
	value := ""
	for _, source := range c.EnvFrom {
		if source.SecretRef.Name == "" || source.Prefix != "" {
			continue
		}
		data, err := dataOf(set, e, source.SecretRef.Name)
		if err != nil {
			return "", err
		}
		if found, ok := data[connectionEnv]; ok {
			value = found
		}
	}
	for _, env := range c.Env {
		if env.Name != connectionEnv {
			continue
		}
		value = env.Value
		if env.ValueFrom.SecretKeyRef.Name != "" {
			data, err := dataOf(set, e, env.ValueFrom.SecretKeyRef.Name)
			if err != nil {
				return "", err
			}
			value = data[env.ValueFrom.SecretKeyRef.Key]
		}
	}
	return value, nil
}

// dataOf is a Secret's data as a container sees it, none for one that is not there.
func dataOf(set *resource.Set, e expected, name string) (map[string]string, error) {
	secrets, err := set.Select([]string{"Secret"}, name)
	if err != nil {
		return nil, err
	}
	wanted := reference{kind: "Secret", namespace: e.Namespace, name: name}
	for _, o := range secrets {
		if !e.providedBy(o)(wanted) {
			continue
		}
		var typed corev1.Secret
		encoded, err := o.Node().MarshalJSON()
		if err == nil {
			err = json.Unmarshal(encoded, &typed)
		}
		if err != nil {
			// The decoder's message may repeat what it could not decode.
			return nil, failure(codes.ObjectUnwritable, o, reads, "is not readable as a Secret")
		}
		data := map[string]string{}
		for key, value := range typed.Data {
			data[key] = string(value)
		}
		for key, value := range typed.StringData {
			data[key] = value
		}
		return data, nil
	}
	return nil, nil
}
