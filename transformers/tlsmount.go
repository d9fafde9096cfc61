package transformers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
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
	if !r.decided.TLSStated {
		return nil
	}
	if r.decided.HTTP {
		r.warn(codes.PlainHTTP, nil, "the registry serves plain HTTP: whoever is on the way can read and change passwords and images")
		r.unmountCertificate()
	} else {
		if err := r.mountCertificate(); err != nil {
			return err
		}
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
	for _, env := range elements(r.registry.Container, "env") {
		if text(env, "name") == registry.LoginServerEnv && text(env, "value") != "" && putText(env, *want, "value") {
			r.changed(r.registry.Workload, "set %s to %s", registry.LoginServerEnv, *want)
		}
	}
}

// mountCertificate mounts the effective Secret read-only wherever a container
// mounts something at the certificate path, and in the registry's in any case.
func (r *render) mountCertificate() error {
	reg, secret := r.registry, r.decided.Secret
	mounted := false
	for _, c := range reg.Containers() {
		for _, m := range elements(c, "volumeMounts") {
			if !reg.IsCertificateMount(m) {
				continue
			}
			mounted = mounted || c.YNode() == reg.Container.YNode()
			if r.pointVolume(m, secret) {
				r.changed(reg.Workload, "mounted Secret %s at %s", secret, text(m, "mountPath"))
			}
			if err := r.checkKeys(text(m, "name")); err != nil {
				return err
			}
			if putScalar(m, "true", "readOnly") {
				r.changed(reg.Workload, "%s is mounted read-only in container %s", text(m, "mountPath"), text(c, "name"))
			}
		}
	}
	if mounted {
		return nil
	}
	mount := mapping()
	putText(mount, r.addVolume(secret), "name")
	putText(mount, reg.CertificatePath, "mountPath")
	putScalar(mount, "true", "readOnly")
	appendTo(reg.Container, mount.YNode(), "volumeMounts")
	r.changed(reg.Workload, "mounted Secret %s at %s", secret, reg.CertificatePath)
	return nil
}

// checkKeys refuses a volume that picks a key which the effective Secret does not
// have: the pod would wait for it for ever.
func (r *render) checkKeys(volume string) error {
	has := map[string]bool{crtKey: true, keyKey: true, caKey: true}
	o, err := r.named("Secret", r.decided.Secret)
	switch {
	case err != nil:
		return err
	case o != nil:
		clear(has)
		for key := range secretData(o) {
			has[key] = true
		}
	case r.decided.Secret == r.registry.Secret:
		return nil // as the chart has it, with whatever keys it has in the cluster
	}
	for _, ref := range registry.SecretRefs(r.registry.PodSpec()) {
		if ref.Where != "volume "+volume || ref.Name() != r.decided.Secret || text(ref.At, "optional") == "true" {
			continue
		}
		for _, key := range ref.Keys() {
			if !has[key] {
				return problemWith(codes.SecretKey, r.registry.Workload, ref.Where,
					"give the Secret that key ("+caKey+" is spec.tls.caCrt or caCrtFile), or have the chart mount the whole Secret",
					"it takes key %s of Secret %s, which has no such key", key, r.decided.Secret)
			}
		}
	}
	return nil
}

// addVolume returns the name of a volume of its own for the effective Secret.
func (r *render) addVolume(secret string) string {
	name := r.freeVolume(certificateVolume)
	volume := mapping()
	putText(volume, name, "name")
	putText(volume, secret, "secret", "secretName")
	appendTo(r.registry.PodSpec(), volume.YNode(), "volumes")
	return name
}

// pointVolume makes what a mount leads to a volume of the effective Secret and
// says whether it was not. What else the volume says of a Secret (mode, items) is
// kept.
func (r *render) pointVolume(mount *yaml.RNode, secret string) bool {
	name := text(mount, "name")
	for _, v := range elements(r.registry.PodSpec(), "volumes") {
		if text(v, "name") != name {
			continue
		}
		if lookup(v, "secret") != nil {
			return putText(v, secret, "secret", "secretName")
		}
		// The certificate and its key may come from a Secret each.
		projected, changed := false, false
		for _, source := range elements(v, "projected", "sources") {
			if lookup(source, "secret") != nil {
				projected = true
				changed = putText(source, secret, "secret", "name") || changed
			}
		}
		if projected {
			return changed
		}
		// A volume of another kind (emptyDir, CSI): it makes way, unless something
		// else is mounted from it, the registry's data perhaps.
		if path.Clean(text(mount, "mountPath")) == r.registry.CertificatePath {
			drop(mount, "subPath") // a Secret has no directories
		}
		if r.mountedElsewhere(name) {
			return putText(mount, r.addVolume(secret), "name")
		}
		v.YNode().Content = nil
		putText(v, name, "name")
		putText(v, secret, "secret", "secretName")
		return true
	}
	return false
}

// mountedElsewhere says whether a volume is mounted outside the certificate path.
func (r *render) mountedElsewhere(name string) bool {
	return slices.ContainsFunc(r.registry.Containers(), func(c *yaml.RNode) bool {
		return slices.ContainsFunc(elements(c, "volumeMounts"), func(m *yaml.RNode) bool {
			return text(m, "name") == name && !r.registry.IsCertificateMount(m)
		})
	})
}

// freeVolume is a name that no volume of the pod has.
func (r *render) freeVolume(name string) string {
	free := name
	taken := func(v *yaml.RNode) bool { return text(v, "name") == free }
	for n := 2; slices.ContainsFunc(elements(r.registry.PodSpec(), "volumes"), taken); n++ {
		free = fmt.Sprintf("%s-%d", name, n) // a volume's name has at most 63 bytes
	}
	return free
}

// unmountCertificate takes the mounts at the certificate path out, and the
// volumes that nothing else mounts.
func (r *render) unmountCertificate() {
	reg := r.registry
	var volumes []string
	for _, c := range reg.Containers() {
		removeFrom(c, func(m *yaml.RNode) bool {
			if !reg.IsCertificateMount(m) {
				return false
			}
			volumes = append(volumes, text(m, "name"))
			r.changed(reg.Workload, "took the mount at %s out of container %s", text(m, "mountPath"), text(c, "name"))
			return true
		}, "volumeMounts")
	}
	r.dropUnmounted(volumes)
	if removeFrom(reg.Container, func(env *yaml.RNode) bool { return text(env, "name") == registry.CertificateEnv }, "env") {
		r.changed(reg.Workload, "took %s out", registry.CertificateEnv)
	}
}

// dropUnmounted takes out those of the named volumes that no container mounts.
func (r *render) dropUnmounted(names []string) {
	mounted := map[string]bool{}
	for _, c := range r.registry.Containers() {
		for _, m := range elements(c, "volumeMounts") {
			mounted[text(m, "name")] = true
		}
	}
	removeFrom(r.registry.PodSpec(), func(v *yaml.RNode) bool {
		name := text(v, "name")
		return slices.Contains(names, name) && !mounted[name]
	}, "volumes")
}

// movePort moves the container's port and the probes that use it to the wanted
// endpoint, where they are still at the other one.
func (r *render) movePort() {
	want, _ := r.endpoints()
	port := r.registry.Port
	if port == nil || r.registry.HTTP == r.decided.HTTP {
		return
	}
	oldName, oldNumber := text(port, "name"), text(port, "containerPort")
	newNumber := r.containerPort()
	declared := slices.ContainsFunc(elements(r.registry.Container, "ports"), func(p *yaml.RNode) bool {
		return text(p, "name") == want.name
	})
	if !declared { // two ports of one name are refused
		putScalar(port, newNumber, "containerPort")
		if oldName != "" {
			putText(port, want.name, "name")
		}
		r.changed(r.registry.Workload, "container port %s is now %s (%s)", oldNumber, newNumber, want.name)
	}
	for _, kind := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		for _, action := range []string{"httpGet", "tcpSocket"} {
			probe := lookup(r.registry.Container, kind, action)
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
			r.changed(r.registry.Workload, "%s uses %s", kind, want.scheme)
		}
	}
}

// digestCertificate records which certificate of the scenario's own the pod was
// started with. The key is no part of it: it changes with the certificate.
func (r *render) digestCertificate() {
	template := lookup(r.registry.Workload.Node(), "spec", "template")
	if r.material == nil {
		if drop(template, "metadata", "annotations", tlsDigestAnnotation) {
			dropEmpty(template, "metadata", "annotations")
			r.changed(r.registry.Workload, "took the certificate's digest out of the pod template")
		}
		return
	}
	sum := sha256.Sum256(slices.Concat(r.material.Crt, []byte{0}, r.material.CaCrt))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if putText(template, digest, "metadata", "annotations", tlsDigestAnnotation) {
		r.changed(r.registry.Workload, "the pod template records the certificate's digest, so that another certificate rolls the pod")
	}
}
