package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// schema is the type that a mapping in the file is decoded into; the keys that
// may stand there are read off it, so that there is one list of them.
type schema struct{ t reflect.Type }

func (s schema) field(key string) (reflect.StructField, bool) {
	for f := range s.t.Fields() {
		if name, is := f.Tag.Lookup("yaml"); is && name == key && key != "-" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func (s schema) keys() []string {
	var keys []string
	for f := range s.t.Fields() {
		if key, is := f.Tag.Lookup("yaml"); is && key != "-" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// hint says what may stand in the place of an unknown key.
func (s schema) hint(key string) string {
	if meant := nearest(key, s.keys()); meant != "" {
		return fmt.Sprintf("did you mean %q?", meant)
	}
	return "known here: " + strings.Join(s.keys(), ", ")
}

// nearest returns the known key that was probably meant, empty when none is
// near. A third of the key may differ and one letter more, so that two letters
// of a short key may have changed places: enough for a slip, too little for
// another word.
func nearest(key string, known []string) string {
	best, least := "", len(key)/3+1
	for _, k := range known {
		if d := editDistance(key, k); d < least || d == least && best == "" {
			best, least = k, d
		}
	}
	return best
}

// editDistance counts the single-character insertions, deletions and
// replacements that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
