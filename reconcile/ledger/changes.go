package ledger

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"ccdirsync/reconcile"
)

// change is a [reconcile.Change] in JSON. Values that are empty are left out.
// JSON holds UTF-8 only: of a value that is something else the bytes are kept
// in hexadecimal digits, beside a text for people that has U+FFFD where they
// are no characters.
type change struct {
	Attr   string `json:"attr"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	OldHex string `json:"old_hex,omitempty"`
	NewHex string `json:"new_hex,omitempty"`
}

// encodeChanges writes the changes of a step.
func encodeChanges(changes []reconcile.Change) (string, error) {
	if len(changes) == 0 {
		return "[]", nil
	}
	const typical = 1000 // bytes of a new recipient's
	text := append(make([]byte, 0, typical), '[')
	for i, c := range changes {
		if i > 0 {
			text = append(text, ',')
		}
		var err error
		if text, err = appendChange(text, change{Attr: c.Attr, Old: c.Old, New: c.New, OldHex: bytesOf(c.Old), NewHex: bytesOf(c.New)}); err != nil {
			return "", fmt.Errorf("write the changes of a step: %w", err)
		}
	}
	return string(append(text, ']')), nil
}

// appendChange appends what [json.Marshal] makes of a change. It does so itself
// because a first load has more than a million of them.
func appendChange(text []byte, c change) ([]byte, error) {
	text = append(text, `{"attr":`...)
	text, err := appendString(text, c.Attr)
	for _, member := range []struct{ name, value string }{{`,"old":`, c.Old}, {`,"new":`, c.New}, {`,"old_hex":`, c.OldHex}, {`,"new_hex":`, c.NewHex}} {
		if member.value != "" && err == nil {
			text, err = appendString(append(text, member.name...), member.value)
		}
	}
	return append(text, '}'), err
}

// appendString appends a JSON string. < and > stay as they are: people read it.
func appendString(text []byte, value string) ([]byte, error) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return appendQuoted(text, value)
		}
	}
	text = append(append(text, '"'), value...)
	return append(text, '"'), nil
}

// appendQuoted is appendString for a value with characters that JSON may write
// in another way.
func appendQuoted(text []byte, value string) ([]byte, error) {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return append(text, bytes.TrimSpace(quoted.Bytes())...), err
}

// bytesOf is empty for text.
func bytesOf(value string) string {
	if utf8.ValidString(value) {
		return ""
	}
	return hex.EncodeToString([]byte(value))
}

// changesIn scans changes.
type changesIn struct{ into *[]reconcile.Change }

// Scan implements [database/sql.Scanner].
func (c changesIn) Scan(value any) error {
	text, is := value.(string)
	if !is {
		return fmt.Errorf("%v is not the JSON of changes", value)
	}
	if text == "[]" {
		return nil
	}
	var encoded []change
	if err := json.Unmarshal([]byte(text), &encoded); err != nil {
		return fmt.Errorf("read the changes of a step: %w", err)
	}
	decoded := make([]reconcile.Change, len(encoded))
	for i, e := range encoded {
		decoded[i] = reconcile.Change{Attr: e.Attr, Old: e.Old, New: e.New}
		for _, value := range []struct {
			digits string
			into   *string
		}{{e.OldHex, &decoded[i].Old}, {e.NewHex, &decoded[i].New}} {
			if value.digits == "" {
				continue
			}
			exact, err := hex.DecodeString(value.digits)
			if err != nil {
				return fmt.Errorf("read the changes of a step: value of %s: %w", e.Attr, err)
			}
			*value.into = string(exact)
		}
	}
	*c.into = decoded
	return nil
}
