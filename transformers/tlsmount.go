package transformers

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const (
	// tlsDigestAnnotation on the pod template rolls the pod when a certificate of
	// the scenario's own changes, which Kubernetes does not do for a Secret.
	tlsDigestAnnotation = "connectedregistry.dev/tls-digest"
	certificateVolume   = "connected-registry-certs"
)

// tlsMount makes the registry's container find the effective Secret, and only
// that, where it looks for its certificate; ports, probes and environment follow.
func tlsMount(r *render) error {
	r.setLoginServer()
	if !r.state.tlsStated {
		return nil
	}
	if r.state.http {
		r.warn(nil, "the registry serves plain HTTP: whoever is on the way can read and change passwords and images")
		r.unmountCertificate()
	} else {
		r.mountCertificate()
	}
	r.movePort()
	r.digestCertificate()
	return nil
}

// setLoginServer keeps the registry's own idea of its name in step, where the
// chart gives it one: with the variable set it accepts no other host, so that it
// is not ours to introduce.
func (r *render) setLoginServer() {
	want := r.spec.RegistryLoginServer
	if want == nil {
		return
	}
	for _, env := range elements(r.registry.container, "env") {
		if text(env, "name") == loginServerEnv && text(env, "value") != "" && putText(env, *want, "value") {
			r.changed(r.registry.workload, "set %s to %s", loginServerEnv, *want)
		}
	}
}

// everyContainer is the pod's containers, init containers included.
func (reg *registry) everyContainer() []*yaml.RNode {
	pod := reg.podSpec()
	return append(elements(pod, "initContainers"), elements(pod, "containers")...)
}

// mountCertificate mounts the effective Secret read-only wherever a container
// mounts something at the certificate path, and in the registry's in any case.
func (r *render) mountCertificate() {
	reg, secret := r.registry, r.state.secret
	mounted := false
	for _, c := range reg.everyContainer() {
		for _, m := range elements(c, "volumeMounts") {
			if !reg.isCertificateMount(m) {
				continue
			}
			mounted = mounted || c.YNode() == reg.container.YNode()
			if r.pointVolume(text(m, "name"), secret) {
				r.changed(reg.workload, "mounted Secret %s at %s", secret, text(m, "mountPath"))
			}
			if putScalar(m, "true", "readOnly") {
				r.changed(reg.workload, "%s is mounted read-only in container %s", text(m, "mountPath"), text(c, "name"))
			}
		}
	}
	if mounted {
		return
	}
	name := r.freeVolume(certificateVolume)
	volume := yaml.NewRNode(fragment("{}"))
	putText(volume, name, "name")
	putText(volume, secret, "secret", "secretName")
	appendTo(reg.podSpec(), volume.YNode(), "volumes")
	mount := yaml.NewRNode(fragment("{}"))
	putText(mount, name, "name")
	putText(mount, reg.certificatePath, "mountPath")
	putScalar(mount, "true", "readOnly")
	appendTo(reg.container, mount.YNode(), "volumeMounts")
	r.changed(reg.workload, "mounted Secret %s at %s", secret, reg.certificatePath)
}

// pointVolume makes a volume one of the effective Secret and says whether it was
// not. What else the volume says of a Secret (mode, items) is kept.
func (r *render) pointVolume(name, secret string) bool {
	for _, v := range elements(r.registry.podSpec(), "volumes") {
		if text(v, "name") != name {
			continue
		}
		if lookup(v, "secret") != nil {
			return putText(v, secret, "secret", "secretName")
		}
		for _, source := range elements(v, "projected", "sources") {
			if lookup(source, "secret") != nil {
				return putText(source, secret, "secret", "name")
			}
		}
		// A volume of another kind (emptyDir, CSI): it makes way.
		v.YNode().Content = nil
		putText(v, name, "name")
		putText(v, secret, "secret", "secretName")
		return true
	}
	return false
}

// freeVolume is a name that no volume of the pod has.
func (r *render) freeVolume(name string) string {
	taken := func(v *yaml.RNode) bool { return text(v, "name") == name }
	for slices.ContainsFunc(elements(r.registry.podSpec(), "volumes"), taken) {
		name += "-scenario"
	}
	return name
}

// unmountCertificate takes the mounts at the certificate path out, and the
// volumes that nothing else mounts.
func (r *render) unmountCertificate() {
	reg := r.registry
	var volumes []string
	for _, c := range reg.everyContainer() {
		removeFrom(c, func(m *yaml.RNode) bool {
			if !reg.isCertificateMount(m) {
				return false
			}
			volumes = append(volumes, text(m, "name"))
			r.changed(reg.workload, "took the mount at %s out of container %s", text(m, "mountPath"), text(c, "name"))
			return true
		}, "volumeMounts")
	}
	r.dropUnmounted(volumes)
	removeFrom(reg.container, func(env *yaml.RNode) bool { return text(env, "name") == certificateEnv }, "env")
	r.state.secret = ""
}

// dropUnmounted takes out those of the named volumes that no container mounts.
func (r *render) dropUnmounted(names []string) {
	mounted := map[string]bool{}
	for _, c := range r.registry.everyContainer() {
		for _, m := range elements(c, "volumeMounts") {
			mounted[text(m, "name")] = true
		}
	}
	removeFrom(r.registry.podSpec(), func(v *yaml.RNode) bool {
		name := text(v, "name")
		return slices.Contains(names, name) && !mounted[name]
	}, "volumes")
}

// movePort moves the container's port and the probes that use it to the wanted
// endpoint, where they are still at the other one.
func (r *render) movePort() {
	want, _ := r.endpoints()
	port := r.registry.port
	if port == nil || r.registry.http == r.state.http {
		return
	}
	oldName, oldNumber := text(port, "name"), text(port, "containerPort")
	newNumber := r.containerPort()
	putScalar(port, newNumber, "containerPort")
	if oldName != "" {
		putText(port, want.name, "name")
	}
	r.changed(r.registry.workload, "container port %s is now %s (%s)", oldNumber, newNumber, want.name)
	for _, kind := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		for _, action := range []string{"httpGet", "tcpSocket"} {
			probe := lookup(r.registry.container, kind, action)
			switch text(probe, "port") {
			case "":
				continue
			case oldName:
				putText(probe, want.name, "port")
			case oldNumber:
				putScalar(probe, newNumber, "port")
			default:
				continue
			}
			if action == "httpGet" {
				putText(probe, want.scheme, "scheme")
			}
			r.changed(r.registry.workload, "%s uses %s", kind, want.scheme)
		}
	}
}

// digestCertificate records which certificate of the scenario's own the pod was
// started with. The key is no part of it: it changes with the certificate.
func (r *render) digestCertificate() {
	template := lookup(r.registry.workload.Node(), "spec", "template")
	if r.material == nil {
		if drop(template, "metadata", "annotations", tlsDigestAnnotation) {
			dropEmpty(template, "metadata", "annotations")
			r.changed(r.registry.workload, "took the certificate's digest out of the pod template")
		}
		return
	}
	sum := sha256.Sum256(slices.Concat(r.material.Crt, []byte{0}, r.material.CaCrt))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if putText(template, digest, "metadata", "annotations", tlsDigestAnnotation) {
		r.changed(r.registry.workload, "the pod template records the certificate's digest, so that another certificate rolls the pod")
	}
}
