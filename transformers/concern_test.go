package transformers

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEveryTransformerHasAConcern(t *testing.T) {
	titles := map[string]Concern{}
	for _, c := range Concerns() {
		assert.Equal(t, c == ConcernOther, c.Title() == "Other", c)
		assert.NotContains(t, titles, c.Title(), c)
		titles[c.Title()] = c
	}
	for _, transformer := range pipeline {
		assert.Contains(t, Concerns(), transformer.concern, transformer.name)
	}
	assert.Equal(t, "Other", Concern("").Title())
}
