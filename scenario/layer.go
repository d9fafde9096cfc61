package scenario

import "github.com/connected-registry/scenario/codes"

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

	// settings says that the layer is made of settings and has no name of its own.
	settings bool
	// connection is the protected setting connectionString, nil where it is not
	// given. It is no field: no scenario file may hold it.
	connection *ConnectionString
	// notes are what the settings' author should know.
	notes []Note
}

type layerName struct {
	value string
	at    position
	// settings says that it is the name that settings go by where they are alone.
	settings bool
}

// ConnectionString is the one that protected settings gave, nil for none.
func (l *Layer) ConnectionString() *ConnectionString { return l.connection }

// Notes are warnings about how settings were understood; scenario files have none.
func (l *Layer) Notes() []Note { return l.notes }

// Note is a warning about how a setting was understood.
type Note struct {
	Code    codes.Code
	Message string
}
