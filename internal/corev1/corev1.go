// Package corev1 has what the program reads of Kubernetes' core API. The fields and
// their names are those of k8s.io/api/core/v1, which is not used itself, because linking
// it makes the program half as large again.
package corev1

import "k8s.io/apimachinery/pkg/util/intstr"

// PodTemplateSpec is a workload's pod template.
type PodTemplateSpec struct {
	ObjectMeta `json:"metadata"`
	Spec       PodSpec `json:"spec"`
}

// ObjectMeta is what is read of an object's metadata.
type ObjectMeta struct {
	Labels map[string]string `json:"labels"`
}

// PodSpec is what is read of a pod.
type PodSpec struct {
	InitContainers []Container `json:"initContainers"`
	Containers     []Container `json:"containers"`
	Volumes        []Volume    `json:"volumes"`
	HostNetwork    bool        `json:"hostNetwork"`
}

// Container is what is read of a container.
type Container struct {
	Name            string           `json:"name"`
	Command         []string         `json:"command"`
	Ports           []ContainerPort  `json:"ports"`
	Resources       Resources        `json:"resources"`
	VolumeMounts    []VolumeMount    `json:"volumeMounts"`
	LivenessProbe   *struct{}        `json:"livenessProbe"`
	ReadinessProbe  *struct{}        `json:"readinessProbe"`
	SecurityContext *SecurityContext `json:"securityContext"`
	RestartPolicy   *string          `json:"restartPolicy"`
}

// ContainerRestartPolicyAlways makes an init container run beside the others.
const ContainerRestartPolicyAlways = "Always"

// ContainerPort is a port of a container.
type ContainerPort struct {
	Name          string `json:"name"`
	HostPort      int32  `json:"hostPort"`
	ContainerPort int32  `json:"containerPort"`
}

// Resources are quantities by name, which are counted and not compared.
type Resources struct {
	Limits   map[string]any `json:"limits"`
	Requests map[string]any `json:"requests"`
}

// VolumeMount is where a container has a volume.
type VolumeMount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
}

// SecurityContext is what a container may do.
type SecurityContext struct {
	Capabilities             *Capabilities   `json:"capabilities"`
	RunAsUser                *int64          `json:"runAsUser"`
	RunAsNonRoot             *bool           `json:"runAsNonRoot"`
	ReadOnlyRootFilesystem   *bool           `json:"readOnlyRootFilesystem"`
	AllowPrivilegeEscalation *bool           `json:"allowPrivilegeEscalation"`
	SeccompProfile           *SeccompProfile `json:"seccompProfile"`
}

// Capabilities are those that a container has beside, or without, the usual ones.
type Capabilities struct {
	Add  []string `json:"add"`
	Drop []string `json:"drop"`
}

// SeccompProfile says which system calls a container may make.
type SeccompProfile struct {
	Type string `json:"type"`
}

// SeccompProfileTypeRuntimeDefault is the container runtime's own profile.
const SeccompProfileTypeRuntimeDefault = "RuntimeDefault"

// Volume is what is read of a volume.
type Volume struct {
	Name      string           `json:"name"`
	ConfigMap *ConfigMapVolume `json:"configMap"`
}

// ConfigMapVolume names the ConfigMap of a volume.
type ConfigMapVolume struct {
	Name string `json:"name"`
}

// Service is what is read of a Service.
type Service struct {
	Spec ServiceSpec `json:"spec"`
}

// ServiceSpec is what is read of a Service's spec.
type ServiceSpec struct {
	Type      string            `json:"type"`
	ClusterIP string            `json:"clusterIP"`
	Selector  map[string]string `json:"selector"`
	Ports     []ServicePort     `json:"ports"`
}

// ServiceTypeExternalName is a Service that is a name of another host.
const ServiceTypeExternalName = "ExternalName"

// ServicePort is a port of a Service.
type ServicePort struct {
	Name       string             `json:"name"`
	Protocol   string             `json:"protocol"`
	Port       int32              `json:"port"`
	TargetPort intstr.IntOrString `json:"targetPort"`
}

// ProtocolTCP is the protocol of a port that states none.
const ProtocolTCP = "TCP"

// Secret is what is read of a Secret.
type Secret struct {
	Data       map[string][]byte `json:"data"`
	StringData map[string]string `json:"stringData"`
}
