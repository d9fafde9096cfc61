package postconditions

import (
	"errors"
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/transformers/resource"
)

// These types hold what the conditions look at, as the Kubernetes API names it.
// Kubernetes' own would do, but preparing to decode a whole PodSpec takes longer than
// the rest of a run.

type podTemplate struct {
	Spec struct {
		InitContainers []container `yaml:"initContainers"`
		Containers     []container `yaml:"containers"`
		Volumes        []volume    `yaml:"volumes"`
	} `yaml:"spec"`
}

type container struct {
	Name         string          `yaml:"name"`
	Ports        []containerPort `yaml:"ports"`
	VolumeMounts []volumeMount   `yaml:"volumeMounts"`
	Env          []envVar        `yaml:"env"`
	EnvFrom      []envFromSource `yaml:"envFrom"`

	SecurityContext struct {
		ReadOnlyRootFilesystem bool `yaml:"readOnlyRootFilesystem"`
	} `yaml:"securityContext"`

	StartupProbe   *probe `yaml:"startupProbe"`
	ReadinessProbe *probe `yaml:"readinessProbe"`
	LivenessProbe  *probe `yaml:"livenessProbe"`
}

// probe has at most one of its actions.
type probe struct {
	HTTPGet   probeAction `yaml:"httpGet"`
	TCPSocket probeAction `yaml:"tcpSocket"`
	GRPC      probeAction `yaml:"grpc"`
}

type probeAction struct {
	// Port is a number or a name.
	Port   yaml.Node `yaml:"port"`
	Host   string    `yaml:"host"`
	Scheme string    `yaml:"scheme"`
}

// isNamed reports whether the port is a name, which kubelet looks up in the container.
func (a probeAction) isNamed() bool {
	_, err := strconv.Atoi(a.Port.Value)
	return err != nil
}

type containerPort struct {
	Name          string `yaml:"name"`
	ContainerPort int32  `yaml:"containerPort"`
}

type volumeMount struct {
	Name      string `yaml:"name"`
	MountPath string `yaml:"mountPath"`
	ReadOnly  bool   `yaml:"readOnly"`
	SubPath   string `yaml:"subPath"`
	// SubPathExpr is SubPath with variables, which only kubelet can expand.
	SubPathExpr string `yaml:"subPathExpr"`
}

type volume struct {
	Name   string `yaml:"name"`
	Secret struct {
		SecretName string      `yaml:"secretName"`
		Items      []keyToPath `yaml:"items"`
	} `yaml:"secret"`
	Projected struct {
		Sources []struct {
			Secret struct {
				Name  string      `yaml:"name"`
				Items []keyToPath `yaml:"items"`
			} `yaml:"secret"`
		} `yaml:"sources"`
	} `yaml:"projected"`
	HostPath struct {
		Path string `yaml:"path"`
	} `yaml:"hostPath"`
}

type keyToPath struct {
	Key  string `yaml:"key"`
	Path string `yaml:"path"`
}

type nameReference struct {
	Name string `yaml:"name"`
}

type envVar struct {
	Name      string `yaml:"name"`
	Value     string `yaml:"value"`
	ValueFrom struct {
		SecretKeyRef struct {
			Name string `yaml:"name"`
			Key  string `yaml:"key"`
		} `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

type envFromSource struct {
	Prefix    string        `yaml:"prefix"`
	SecretRef nameReference `yaml:"secretRef"`
}

type servicePort struct {
	Protocol string `yaml:"protocol"`
	Name     string `yaml:"name"`
	Port     int32  `yaml:"port"`
	// TargetPort is a number or a name; left out, it is Port.
	TargetPort yaml.Node `yaml:"targetPort"`
}

// templateOf decodes the workload's pod template.
func templateOf(o *resource.Object) (*podTemplate, error) {
	var typed struct {
		Spec struct {
			Template podTemplate `yaml:"template"`
		} `yaml:"spec"`
	}
	if err := o.Node().YNode().Decode(&typed); err != nil {
		return nil, failure(codes.ObjectUnwritable, o, reads, "spec.template is no pod template: %s", mistyped(err))
	}
	return &typed.Spec.Template, nil
}

// portsOf decodes a Service's ports.
func portsOf(o *resource.Object) ([]servicePort, error) {
	var typed struct {
		Spec struct {
			Ports []servicePort `yaml:"ports"`
		} `yaml:"spec"`
	}
	if err := o.Node().YNode().Decode(&typed); err != nil {
		return nil, failure(codes.ObjectUnwritable, o, reads, "spec.ports are no ports of a Service: %s", mistyped(err))
	}
	return typed.Spec.Ports, nil
}

func (t *podTemplate) container(name string) *container {
	for i := range t.Spec.Containers {
		if t.Spec.Containers[i].Name == name {
			return &t.Spec.Containers[i]
		}
	}
	return nil
}

// target is the number or name that a port leads to.
func (p servicePort) target() string {
	if p.TargetPort.Value == "" {
		return p.number()
	}
	return p.TargetPort.Value
}

func (p servicePort) number() string { return strconv.Itoa(int(p.Port)) }

// has reports whether a port of the container has this name or number.
func (c container) has(port string) bool {
	return slices.ContainsFunc(c.Ports, func(p containerPort) bool { return port == p.Name || port == strconv.Itoa(int(p.ContainerPort)) })
}

// mistyped is what a decoder found where, on one line and without the value itself,
// which the decoder repeats.
func mistyped(err error) string {
	typeError, ok := errors.AsType[*yaml.TypeError](err)
	if !ok || len(typeError.Errors) == 0 {
		return "it cannot be decoded"
	}
	return quotedValue().ReplaceAllString(typeError.Errors[0], "")
}

var quotedValue = lazyregexp.New("`.*` ")
