package scenario

import (
	"bytes"
	"encoding/json"
)

// schemaID names the schema. It is a URN because there is no host that serves it.
const schemaID = "urn:connectedregistry:v1alpha1:ConnectedRegistryScenario"

// schema is the part of JSON Schema that is needed, in the order in which people
// read it.
type schema struct {
	Dialect              string     `json:"$schema,omitempty"`
	ID                   string     `json:"$id,omitempty"`
	Title                string     `json:"title,omitempty"`
	Description          string     `json:"description,omitempty"`
	Type                 string     `json:"type,omitempty"`
	Const                any        `json:"const,omitempty"`
	Enum                 any        `json:"enum,omitempty"`
	Default              any        `json:"default,omitempty"`
	Pattern              string     `json:"pattern,omitempty"`
	ErrorMessage         string     `json:"errorMessage,omitempty"` // of editors; others ignore it
	MaxLength            int        `json:"maxLength,omitempty"`
	Minimum              int        `json:"minimum,omitempty"`
	Maximum              int        `json:"maximum,omitempty"`
	MaxItems             *int       `json:"maxItems,omitempty"`
	UniqueItems          bool       `json:"uniqueItems,omitempty"`
	Items                *schema    `json:"items,omitempty"`
	MinProperties        int        `json:"minProperties,omitempty"`
	Required             []string   `json:"required,omitempty"`
	Properties           properties `json:"properties,omitempty"`
	PropertyNames        *schema    `json:"propertyNames,omitempty"`
	AdditionalProperties any        `json:"additionalProperties,omitempty"`
	Not                  *schema    `json:"not,omitempty"`
	If                   *schema    `json:"if,omitempty"`
	Then                 *schema    `json:"then,omitempty"`
	AllOf                []*schema  `json:"allOf,omitempty"`
	AnyOf                []*schema  `json:"anyOf,omitempty"`
	OneOf                []*schema  `json:"oneOf,omitempty"`
}

// properties keep their order, which a Go map would not.
type properties []property

type property struct {
	name string
	is   any // a *schema, or false for a field that may not be there
}

// MarshalJSON implements json.Marshaler.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, field := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(field.name)
		if err != nil {
			return nil, err
		}
		is, err := marshal(field.is)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(is)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshal leaves < and > as people read them.
func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}

// Schema is the JSON Schema (draft 2020-12) of a scenario file. It judges a file
// by itself, as Validate does a layer. null, which Decode takes for a field that is
// left out, is refused: in an editor it is a field that is not finished.
func Schema() ([]byte, error) {
	s := Describe().schema()
	s.Dialect, s.ID, s.Title = "https://json-schema.org/draft/2020-12/schema", schemaID, Kind
	compact, err := marshal(s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Indent(&b, compact, "", "  ")
	b.WriteByte('\n')
	return b.Bytes(), err
}

func (f Field) schema() *schema {
	s := &schema{Description: f.Description}
	switch f.Type {
	case Object:
		s.Type = "object"
		s.AdditionalProperties = false
		for _, c := range f.Fields {
			s.Properties = append(s.Properties, property{c.Name(), c.schema()})
			if c.Required {
				s.Required = append(s.Required, c.Name())
			}
		}
	case "[]string":
		s.Type, s.Items, s.UniqueItems = "array", f.value(), true
		if f.Otherwise != "" {
			s.Default = []string{f.Otherwise}
		}
	case "map[string]string":
		s.Type, s.AdditionalProperties = "object", f.value()
	default:
		value := f.value()
		value.Description, value.Type = f.Description, f.Type
		if f.Otherwise != "" {
			value.Default = f.Otherwise
		}
		s = value
	}
	addRules(s, f.Path)
	return s
}

// value is the schema of a single value: the field's, or an entry's.
func (f Field) value() *schema {
	s := &schema{Type: "string", Pattern: f.form.pattern, MaxLength: f.form.maxLength}
	if len(f.Values) > 0 {
		s.Enum = f.Values
	}
	if s.Pattern != "" {
		s.ErrorMessage = "expected " + f.Accepts
	}
	if f.form.not != "" {
		s.Not = &schema{Pattern: f.form.not}
	}
	return s
}
