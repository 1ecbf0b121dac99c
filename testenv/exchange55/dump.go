package exchange55

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Dump is the whole directory as LDIF: every entry with its operational
// attributes, tombstones included, but without attributes that are derived
// from others. Starting a directory with it gives the same directory.
func (d *Directory) Dump() []byte {
	return d.dump(func(*entry, attributeType) bool { return true })
}

// DumpContent is what people and programs have written: the live entries
// without operational attributes.
func (d *Directory) DumpContent() []byte {
	return d.dump(func(e *entry, t attributeType) bool { return !e.deleted && t.heuristics&operational == 0 })
}

func (d *Directory) dump(keep func(*entry, attributeType) bool) []byte {
	s := d.store
	s.mu.RLock()
	var records []ChangeRecord
	for _, e := range s.order {
		record := ChangeRecord{DN: e.name.text(s.style)}
		for _, t := range attributeTypes {
			if _, stored := e.attrs[t.key()]; stored && keep(e, t) {
				record.Attributes = append(record.Attributes, Attribute{Name: t.name, Values: s.read(e, t)})
			}
		}
		if len(record.Attributes) > 0 {
			records = append(records, record)
		}
	}
	s.mu.RUnlock()
	var out bytes.Buffer
	_ = WriteContent(&out, records) // a buffer takes everything
	return out.Bytes()
}

// WriteContent writes entries as LDIF content records in a fixed order:
// parents before their children, siblings by name, objectClass first and
// then the attributes and their values by name.
func WriteContent(w io.Writer, records []ChangeRecord) error {
	type row struct {
		path   []string
		record ChangeRecord
	}
	rows := make([]row, 0, len(records))
	for _, record := range records {
		n, err := parseName(record.DN)
		if err != nil {
			return fmt.Errorf("write LDIF: %w", err)
		}
		path := strings.Split(n.key(), ",")
		slices.Reverse(path)
		rows = append(rows, row{path: path, record: record})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return slices.Compare(a.path, b.path) })
	var out bytes.Buffer
	for i, r := range rows {
		if i > 0 {
			out.WriteByte('\n')
		}
		writeLine(&out, "dn", r.record.DN)
		attributes := slices.Clone(r.record.Attributes)
		slices.SortStableFunc(attributes, func(a, b Attribute) int { return cmp.Compare(attributeRank(a.Name), attributeRank(b.Name)) })
		for _, a := range attributes {
			for _, value := range slices.Sorted(slices.Values(a.Values)) {
				writeLine(&out, a.Name, value)
			}
		}
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write LDIF: %w", err)
	}
	return nil
}

// attributeRank sorts by name, with objectClass before all.
func attributeRank(name string) string {
	if strings.EqualFold(name, "objectClass") {
		return ""
	}
	return strings.ToLower(name)
}

// writeLine writes a value as it is when RFC 2849 allows, else in base64.
func writeLine(out *bytes.Buffer, name, value string) {
	if isSafe(value) {
		fmt.Fprintf(out, "%s: %s\n", name, value)
		return
	}
	fmt.Fprintf(out, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
}

// isSafe is the SAFE-STRING of RFC 2849, without blanks at the end.
func isSafe(value string) bool {
	if value == "" {
		return true
	}
	if strings.ContainsAny(value[:1], " :<") || strings.HasSuffix(value, " ") {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c == 0 || c == '\n' || c == '\r' || c >= 0x80 {
			return false
		}
	}
	return true
}
