package transformers

import (
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Problem is one reason why a scenario cannot be applied to the manifests.
type Problem = resource.Problem

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

	problemWith = resource.ProblemWith
)
