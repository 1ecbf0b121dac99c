package ledger

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

// Changes are written as package json writes them, whatever is in them.
func TestChangesAreJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(
			rapid.String(), rapid.SampledFrom([]string{"", "plain", `a "quote" and a \`, "<&>", "tab\t", "\x7f", "\u2028", "M\xfcller"}),
		)
		changes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) reconcile.Change {
			return reconcile.Change{Attr: value.Draw(t, "attr"), Old: value.Draw(t, "old"), New: value.Draw(t, "new")}
		}), 0, 4).Draw(t, "changes")
		encoded := make([]change, len(changes))
		for i, c := range changes {
			encoded[i] = change{Attr: c.Attr, Old: c.Old, New: c.New, OldHex: bytesOf(c.Old), NewHex: bytesOf(c.New)}
		}
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(encoded); err != nil {
			t.Fatal(err)
		}
		got, err := encodeChanges(changes)
		if err != nil || got+"\n" != want.String() {
			t.Fatalf("%s, %v, want %s", got, err, want.String())
		}
	})
}
