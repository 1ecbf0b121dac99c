package ldapsrc

import (
	"slices"
	"testing"
)

func TestWithAttribute(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, name    string
		refused, extend bool
	}{
		{"a custom attribute is read already", "extension-attribute-15", false, false},
		{"an attribute that nobody reads is added", "employeeNumber", false, true},
		{"the notes are a field", "info", true, false},
		{"case does not matter for a field", "OTHERMAILBOX", true, false},
	} {
		before := Exchange55()
		after, err := before.WithAttribute(test.name)
		if refused := err != nil; refused != test.refused {
			t.Errorf("%s: WithAttribute(%q) = %v", test.reason, test.name, err)
		}
		if extended := len(after.Other) > len(before.Other); extended != test.extend {
			t.Errorf("%s: WithAttribute(%q) reads %q", test.reason, test.name, after.Other)
		}
		if test.extend && !slices.Contains(after.attributes(), test.name) {
			t.Errorf("%s: %q is not asked for", test.reason, test.name)
		}
	}
}
