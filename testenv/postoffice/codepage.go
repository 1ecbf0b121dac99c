package postoffice

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// codePage is the character set of a post office's files and console.
type codePage struct {
	name  string
	table *charmap.Charmap
}

// codePages are the single-byte OEM pages; 437 serves the USA, 850 the rest
// (DOC PMDF 38.5.3).
func codePages() []codePage {
	return []codePage{
		{"cp437", charmap.CodePage437},
		{"cp850", charmap.CodePage850},
		{"cp852", charmap.CodePage852},
		{"cp855", charmap.CodePage855},
		{"cp858", charmap.CodePage858},
		{"cp860", charmap.CodePage860},
		{"cp862", charmap.CodePage862},
		{"cp863", charmap.CodePage863},
		{"cp865", charmap.CodePage865},
		{"cp866", charmap.CodePage866},
	}
}

func codePageByName(name string) (codePage, error) {
	var known []string
	for _, page := range codePages() {
		if strings.EqualFold(name, page.name) || name == strings.TrimPrefix(page.name, "cp") {
			return page, nil
		}
		known = append(known, page.name)
	}
	return codePage{}, fmt.Errorf("code page %q is not known; choose one of %s", name, strings.Join(known, ", "))
}

func (p codePage) decode(data []byte) string {
	var text strings.Builder
	text.Grow(len(data))
	for _, b := range data {
		text.WriteRune(p.table.DecodeByte(b))
	}
	return text.String()
}

// encode fails on the first character that the page lacks.
func (p codePage) encode(text string) ([]byte, error) {
	data := make([]byte, 0, len(text))
	for _, r := range text {
		b, ok := p.table.EncodeRune(r)
		if !ok {
			return nil, fmt.Errorf("encode %q in %s: %q is not in this code page", text, p.name, r)
		}
		data = append(data, b)
	}
	return data, nil
}

// length is the number of bytes that encode returns; ok is false when it fails.
func (p codePage) length(text string) (n int, ok bool) {
	for _, r := range text {
		if _, ok := p.table.EncodeRune(r); !ok {
			return 0, false
		}
		n++
	}
	return n, true
}

// console returns text for the screen, with ? for what the page lacks.
func (p codePage) console(text string) []byte {
	data := make([]byte, 0, len(text))
	for _, r := range text {
		b, ok := p.table.EncodeRune(r)
		if !ok {
			b = '?'
		}
		data = append(data, b)
	}
	return data
}
