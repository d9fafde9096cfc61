package scenario

// Layer is one decoded scenario object and where its fields stand.
type Layer struct {
	// Source is the file name that errors show; of a merged layer, all of them.
	Source   string
	Scenario Scenario

	// fields holds the place of every stated field, list entry and map key, by
	// path. A layer that was not decoded (converted settings) has none.
	fields map[string]position
	// names are the metadata.name of each layer that was merged into this one.
	names []layerName
}

type layerName struct {
	value string
	at    position
}
