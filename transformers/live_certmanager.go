package transformers

import (
	"slices"

	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

const certificatesCRD = "certificates." + registry.CertManagerGroup

// certManager looks for the one cert-manager that there must be where the registry's
// certificate comes from it, and for a second one that a bundle would be.
func (l *live) certManager() error {
	if len(l.registry.Bundle) > 0 {
		l.judgeBundle()
		return nil
	}
	certificates, err := l.applied.Select([]string{"Certificate"}, registry.CertManagerGroup)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(certificates, func(o *resource.Object) bool {
		return registry.IsCertManager(o, "Certificate") && belongs(l.registry, o, nil)
	})
	if i < 0 {
		return nil
	}
	l.judgePreinstalled(certificates[i])
	return nil
}

// judgePreinstalled: without its CRDs the API server refuses the Certificate, without
// its controller nobody writes the Secret.
func (l *live) judgePreinstalled(certificate *resource.Object) {
	const fix = "install cert-manager first, or render the chart with cert-manager.install=true and write certManager.install: true"
	if l.find("CustomResourceDefinition", "", certificatesCRD) == nil {
		l.missing(codes.CertManagerMissing, "CustomResourceDefinition/"+certificatesCRD, fix, "the cluster has no cert-manager, and %s needs one", certificate)
		return
	}
	controllers := l.controllers()
	if len(controllers) == 0 {
		l.missing(codes.CertManagerMissing, "Deployment", fix, "the cluster has cert-manager's CRDs and no Deployment of its controller: nobody would write Secret %s",
			text(certificate.Node(), "spec", "secretName"))
		return
	}
	running := func(o *resource.Object) bool {
		n := text(o.Node(), "status", "availableReplicas")
		return n != "" && n != "0"
	}
	if !slices.ContainsFunc(controllers, running) {
		l.warn(codes.CertManagerMissing, controllers[0], "cert-manager's controller is not running: nobody writes Secret %s until it does",
			text(certificate.Node(), "spec", "secretName"))
	}
}

// controllers are the cluster's Deployments that run cert-manager's controller.
func (l *live) controllers() []*resource.Object {
	var found []*resource.Object
	for _, o := range l.objects["Deployment"] {
		for _, c := range elements(o.Node(), "spec", "template", "spec", "containers") {
			if registry.Program(c) == "controller" {
				found = append(found, o)
			}
		}
	}
	return found
}

// judgeBundle: of a second cert-manager Helm refuses the CRDs, which are the first
// one's; and where it does not, the two would fight over every Certificate.
func (l *live) judgeBundle() {
	const fix = "write certManager.install: false: the registry then uses the one that the cluster has"
	again := l.bundleIsThere()
	for _, o := range l.controllers() {
		if !again[o] && !l.isOwn(o) {
			l.refuse(codes.CertManagerTwice, o, "", fix, "the cluster has a cert-manager already, and the render brings a second one")
		}
	}
	for _, e := range l.registry.Bundle {
		o := e.Object
		there := l.there(o)
		if o.Kind != "CustomResourceDefinition" || there == nil || l.isOwn(there) {
			continue
		}
		if name, _, owned := l.ownerOf(there); owned {
			l.refuse(codes.CertManagerTwice, there, "metadata.annotations["+registry.ReleaseNameLabel+"]", fix, "it belongs to the Helm release %s, and Helm refuses to take it over", name)
		} else if len(again) == 0 {
			l.refuse(codes.CertManagerTwice, there, "metadata.annotations", fix+"; if it is what is left of an installation that is gone, delete it",
				"it is there already, and no Helm release made it: Helm refuses to take it over")
		}
	}
}

// bundleIsThere are the Deployments of the cluster that the render would apply again:
// kubectl apply leaves no word of who made them.
func (l *live) bundleIsThere() map[*resource.Object]bool {
	again := map[*resource.Object]bool{}
	for _, e := range l.registry.Bundle {
		o := e.Object
		if there := l.there(o); there != nil && o.Kind == "Deployment" {
			again[there] = true
		}
	}
	return again
}
