package transformers

import "github.com/connected-registry/scenario/transformers/node"

var (
	lookup     = node.Lookup
	text       = node.Text
	elements   = node.Items
	stringMap  = node.Strings
	put        = node.Put
	putText    = node.PutText
	putScalar  = node.PutScalar
	drop       = node.Drop
	dropEmpty  = node.DropEmpty
	appendTo   = node.Append
	removeFrom = node.RemoveItems
	child      = node.Child
	mapping    = node.Mapping
)
