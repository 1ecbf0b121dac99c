package postoffice

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is read line by line is what JSON reads; what is not laid out as it is
// written is left to JSON.
func TestEntriesAreReadAsJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := document{Settings: Settings{Name: "NORTHHUB"}, Entries: rapid.SliceOf(entries()).Draw(t, "entries"), Boards: []string{"Social"}}
		if rapid.Bool().Draw(t, "escapes") {
			d.Entries = append(d.Entries, Entry{Name: `a "quoted" name`, Location: LocalUser, Propagate: true})
		}
		var written bytes.Buffer
		if err := d.write(&written); err != nil {
			t.Fatal(err)
		}
		data := written.Bytes()
		if rapid.Bool().Draw(t, "damaged") { // one byte is gone
			i := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			data = append(bytes.Clone(data[:i]), data[i+1:]...)
		}
		read, rest, laidOut := cutEntries(data)
		if !laidOut {
			return
		}
		var want, got document
		wantErr, gotErr := json.Unmarshal(data, &want), json.Unmarshal(rest, &got)
		got.Entries = read
		if (wantErr == nil) != (gotErr == nil) || wantErr == nil && !cmp.Equal(got, want) {
			t.Fatalf("line by line %+v, %v, as JSON %+v, %v of\n%s", got, gotErr, want, wantErr, data)
		}
	})
}

// A file as it is written is read line by line, not left to JSON.
func TestEntriesAreReadLineByLine(t *testing.T) {
	t.Parallel()
	d := document{Settings: Settings{Name: "NORTHHUB"}, Entries: []Entry{
		{Name: "Quist, Marta", Location: RemoteUser, Address: "EXSITE1 Quist, Marta", Comment: "Tür: 4, links", Propagate: true},
		{Name: "NORTHHUB", Location: DirectOffice},
	}}
	var written bytes.Buffer
	if err := d.write(&written); err != nil {
		t.Fatal(err)
	}
	read, _, laidOut := cutEntries(written.Bytes())
	if diff := cmp.Diff(d.Entries, read); !laidOut || diff != "" {
		t.Errorf("laid out %v: %s", laidOut, diff)
	}
}
