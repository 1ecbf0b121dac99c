package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// place is where something stands in the file, from 1.
type place struct{ line, column int }

// walker goes over the tree of a file and fills the settings from it. After a
// problem it goes on, so that all of them are told at once. The YAML library's
// own decoder stops at the first, knows no places for some of them, and turns
// 1.5 into 1.
type walker struct {
	file     string
	places   map[string]place // of every setting
	given    map[string]bool  // settings that have a value
	anchors  map[string]ast.Node
	problems []Problem
}

func (w *walker) err() error {
	if len(w.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(w.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return &InvalidError{w.problems}
}

// complain reports a problem at a setting, or at the nearest one around it
// when it is not in the file. In a setting that has a problem itself there is
// nothing to complain of.
func (w *walker) complain(path, message, hint string) {
	if w.spoilt(parentPath(path)) {
		return
	}
	p := Problem{File: w.file, Path: path, Message: message, Hint: hint}
	for at := path; ; at = parentPath(at) {
		if found, ok := w.places[at]; ok {
			p.Line, p.Column = found.line, found.column
			break
		}
		if at == "" {
			break
		}
	}
	w.problems = append(w.problems, p)
}

// spoilt reports whether a setting, or one around it, has a problem: what is
// missing in it is then no news.
func (w *walker) spoilt(path string) bool {
	for at := path; at != ""; at = parentPath(at) {
		if slices.ContainsFunc(w.problems, func(p Problem) bool { return p.Path == at }) {
			return true
		}
	}
	return false
}

func parentPath(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// defaulter is a setting with defaults for the settings in it.
type defaulter interface{ setDefaults() }

// texter is a mapping or a list that may also be written as a single value.
type texter interface{ setText(text string) }

// decode sets v to what the node says. A setting without a value keeps its
// default, and so does one with a problem.
func (w *walker) decode(path string, node ast.Node, v reflect.Value) {
	w.places[path] = placeOf(node)
	node, ok := w.resolve(path, node)
	empty := !ok || node.Type() == ast.NullType
	if v.Kind() == reflect.Pointer && !empty {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if d, is := v.Addr().Interface().(defaulter); is {
		d.setDefaults()
	}
	if empty {
		return
	}
	w.given[path] = true
	text, isText := textOf(node)
	mapping, isMapping := node.(ast.MapNode)
	sequence, isSequence := node.(*ast.SequenceNode)
	switch {
	case isText && takesText(v):
		w.decodeText(path, text, v)
	case isMapping && v.Kind() == reflect.Struct:
		w.decodeMapping(path, mapping, v)
	case isMapping && v.Kind() == reflect.Map:
		w.decodeNamed(path, mapping, v)
	case isSequence && v.Kind() == reflect.Slice:
		w.decodeSequence(path, sequence, v)
	default:
		w.complain(path, fmt.Sprintf("is %s, %s is wanted", noun(node), wanted(v)), "")
	}
}

// takesText reports whether a setting may be written as a single value.
func takesText(v reflect.Value) bool {
	_, isTexter := v.Addr().Interface().(texter)
	return isTexter || !slices.Contains([]reflect.Kind{reflect.Struct, reflect.Slice, reflect.Map}, v.Kind())
}

// resolve returns what a node stands for.
func (w *walker) resolve(path string, node ast.Node) (ast.Node, bool) {
	switch n := node.(type) {
	case *ast.AnchorNode:
		w.anchors[n.Name.GetToken().Value] = n.Value
		return n.Value, n.Value != nil
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		anchored, known := w.anchors[name]
		if !known {
			w.complain(path, fmt.Sprintf("no anchor %q stands above it", name), "")
		}
		return anchored, known && anchored != nil
	}
	return node, node != nil
}

func (w *walker) decodeText(path, text string, v reflect.Value) {
	problem := ""
	switch setting := v.Addr().Interface().(type) {
	case texter:
		setting.setText(text)
	case *string:
		*setting = text
	case *int:
		if n, err := strconv.Atoi(text); err == nil {
			*setting = n
		} else {
			problem = "is not a whole number"
		}
	case *bool:
		if text == "true" || text == "false" {
			*setting = text == "true"
		} else {
			problem = "is neither true nor false"
		}
	case *Duration:
		if span, err := time.ParseDuration(text); err == nil {
			*setting = Duration(span)
		} else {
			problem = "is not a time span such as 90s or 10m"
		}
	}
	if problem != "" {
		w.complain(path, fmt.Sprintf("%q %s", text, problem), "")
	}
}

func (w *walker) decodeSequence(path string, node *ast.SequenceNode, v reflect.Value) {
	v.Set(reflect.MakeSlice(v.Type(), len(node.Values), len(node.Values)))
	for i, item := range node.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		w.decode(at, item, v.Index(i))
		if item == nil || item.Type() == ast.NullType {
			w.complain(at, "is empty", "")
		}
	}
}

func (w *walker) decodeMapping(path string, node ast.MapNode, v reflect.Value) {
	known := schema{v.Type()}
	for pairs := node.MapRange(); pairs.Next(); {
		pair := pairs.KeyValue()
		key, isText := textOf(pair.Key)
		if !isText {
			key = strings.TrimSpace(pair.Key.GetToken().Value)
		}
		child := key
		if path != "" {
			child = path + "." + key
		}
		field, is := known.field(key)
		switch {
		case is && isText:
			w.decode(child, pair.Value, v.FieldByIndex(field.Index))
			w.places[child] = placeOf(pair.Key)
		case pair.Key.IsMergeKey():
			w.places[child] = placeOf(pair.Key)
			w.complain(child, "merge keys are not read", "write the settings out, or repeat the whole section with an alias")
		default:
			w.places[child] = placeOf(pair.Key)
			w.complain(child, "unknown key", known.hint(key))
		}
	}
}

// decodeNamed fills a map, whose keys are free.
func (w *walker) decodeNamed(path string, node ast.MapNode, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	for pairs := node.MapRange(); pairs.Next(); {
		pair := pairs.KeyValue()
		key, isText := textOf(pair.Key)
		if !isText {
			key = strings.TrimSpace(pair.Key.GetToken().Value)
		}
		child := path + "." + key
		value := reflect.New(v.Type().Elem()).Elem()
		w.decode(child, pair.Value, value)
		w.places[child] = placeOf(pair.Key)
		switch {
		case !isText:
			w.complain(child, "is not a name", "")
		case !w.given[child]:
			w.complain(child, "is empty", "")
		}
		v.SetMapIndex(reflect.ValueOf(key), value)
	}
}

// textOf returns what a node with a single value says, as it is written.
func textOf(node ast.Node) (text string, is bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// placeOf is where a node begins. The token of a mapping in block form is the
// colon after its first key.
func placeOf(node ast.Node) place {
	if node == nil {
		return place{}
	}
	if m, is := node.(ast.MapNode); is {
		if first, flow := node.(*ast.MappingNode); !is || flow && first.IsFlowStyle {
			return tokenPlace(node)
		}
		if pairs := m.MapRange(); pairs.Next() {
			return placeOf(pairs.Key())
		}
	}
	return tokenPlace(node)
}

func tokenPlace(node ast.Node) place {
	if t := node.GetToken(); t != nil {
		return place{t.Position.Line, t.Position.Column}
	}
	return place{}
}

func noun(node ast.Node) string {
	if _, is := textOf(node); is {
		return "a single value"
	}
	switch node.(type) {
	case ast.MapNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "empty"
	}
	return "a " + strings.ToLower(node.Type().String())
}

func wanted(v reflect.Value) string {
	if v.Kind() == reflect.Struct || v.Kind() == reflect.Map {
		return "a mapping"
	}
	if v.Kind() == reflect.Slice {
		return "a list"
	}
	return "a single value"
}
