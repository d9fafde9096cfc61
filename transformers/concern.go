package transformers

// Concern is what a change is about to somebody who runs the cluster. Programs read
// it in the plan's JSON, so the words never change.
type Concern string

// The concerns, in the order in which a plan shows them: what clients notice first,
// what only this program needs last.
const (
	ConcernCertificate Concern = "certificate"
	ConcernTrust       Concern = "trust"
	ConcernService     Concern = "service"
	ConcernStorage     Concern = "storage"
	ConcernConnection  Concern = "connection"
	ConcernReadOnly    Concern = "read-only"
	ConcernBundle      Concern = "cert-manager"
	ConcernCleanUp     Concern = "clean-up"
	ConcernMarker      Concern = "marker"
	ConcernOther       Concern = "other"
)

// Concerns returns every concern, in the order in which a plan shows them.
func Concerns() []Concern {
	return []Concern{
		ConcernCertificate, ConcernTrust, ConcernService, ConcernStorage, ConcernConnection,
		ConcernReadOnly, ConcernBundle, ConcernCleanUp, ConcernMarker, ConcernOther,
	}
}

// Title is a concern as a heading.
func (c Concern) Title() string {
	switch c {
	case ConcernCertificate:
		return "Certificate and TLS"
	case ConcernTrust:
		return "Trust distribution"
	case ConcernService:
		return "Service"
	case ConcernStorage:
		return "Storage"
	case ConcernConnection:
		return "Connection string"
	case ConcernReadOnly:
		return "Read-only"
	case ConcernBundle:
		return "Bundled cert-manager"
	case ConcernCleanUp:
		return "Clean-up of what nothing uses any more"
	case ConcernMarker:
		return "Marker of the scenario"
	}
	return "Other"
}
