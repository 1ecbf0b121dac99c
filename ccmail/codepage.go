package ccmail

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/transform"
)

// CodePage is the character set of a post office: 437 in the USA, 850 in most
// other places (DOC, PMDF-S), 932 in Japan (INF). The zero value is no code
// page and refuses to work.
type CodePage struct {
	name     string
	encoding encoding.Encoding // nil for UTF-8
}

// All of them hold ASCII in its own place, which Decode and Encode rely on.
// The multi-byte ones never have CR, LF, 0x1A, a blank or a colon in the
// second byte of a character, so a file can be cut into lines and fields
// before it is decoded.
func codePages() []CodePage {
	return []CodePage{
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
		{"cp932", japanese.ShiftJIS},
		{"cp936", simplifiedchinese.GBK},
		{"cp949", korean.EUCKR},
		{"cp950", traditionalchinese.Big5},
		{"windows-1252", charmap.Windows1252},
		{"utf-8", nil},
	}
}

// CodePageByName returns a code page by its name, such as "cp437"; case and
// the letters "cp" do not matter. An unknown name is an error that lists the
// known ones.
func CodePageByName(name string) (CodePage, error) {
	var known []string
	wanted := strings.TrimPrefix(strings.ToLower(name), "cp")
	for _, page := range codePages() {
		if wanted == strings.TrimPrefix(page.name, "cp") {
			return page, nil
		}
		known = append(known, page.name)
	}
	return CodePage{}, fmt.Errorf("unknown code page %q; known are: %s", name, strings.Join(known, ", "))
}

func (p CodePage) String() string { return p.name }

var errNoCodePage = errors.New("no code page is set; choose one by its name, such as cp437")

// DecodeError is a byte that does not begin a character of the code page.
type DecodeError struct {
	CodePage string
	Offset   int // of the byte, from 0
	Byte     byte
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("byte 0x%02X at offset %d is not a character of code page %s", e.Byte, e.Offset, e.CodePage)
}

// EncodeError is a character that the code page does not have.
type EncodeError struct {
	CodePage string
	Char     rune
}

func (e *EncodeError) Error() string {
	return fmt.Sprintf("character %s (%U) is not in code page %s", strconv.QuoteRune(e.Char), e.Char, e.CodePage)
}

// Decode returns the text that b holds. A byte without a meaning is a
// *DecodeError, never a replacement character.
func (p CodePage) Decode(b []byte) (string, error) {
	if p.name == "" {
		return "", errNoCodePage
	}
	if isASCII(b) {
		return string(b), nil
	}
	text := make([]byte, 0, 2*len(b))
	for i := 0; i < len(b); {
		var n int
		if text, n = p.appendDecoded(text, b[i:]); n == 0 {
			return "", &DecodeError{CodePage: p.name, Offset: i, Byte: b[i]}
		}
		i += n
	}
	return string(text), nil
}

// decodeForDisplay returns the text that b holds with U+FFFD in place of what
// has no meaning. It is for messages and for text that only people read.
func (p CodePage) decodeForDisplay(b []byte) string {
	var text []byte
	for i := 0; i < len(b); {
		var n int
		if text, n = p.appendDecoded(text, b[i:]); n == 0 {
			text, n = utf8.AppendRune(text, utf8.RuneError), 1
		}
		i += n
	}
	return string(text)
}

// isASCII reports whether all is ASCII, as most of every file is.
func isASCII[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendDecoded appends the character that b, which is not empty, begins with,
// and tells how many bytes of b that was: none when they have no meaning.
func (p CodePage) appendDecoded(text, b []byte) (longer []byte, n int) {
	if b[0] < utf8.RuneSelf {
		return append(text, b[0]), 1
	}
	if p.encoding == nil {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size <= 1 {
			return text, 0
		}
		return append(text, b[:size]...), size
	}
	if table, is := p.encoding.(*charmap.Charmap); is {
		r := table.DecodeByte(b[0])
		if r == utf8.RuneError {
			return text, 0
		}
		return utf8.AppendRune(text, r), 1
	}
	return p.appendTransformed(text, b)
}

// appendTransformed is appendDecoded for code pages with characters of one or
// two bytes.
func (p CodePage) appendTransformed(text, b []byte) (longer []byte, n int) {
	decoder := p.encoding.NewDecoder()
	var dst [2 * utf8.UTFMax]byte // a few codes of page 950 mean two characters
	for n = 1; n <= min(2, len(b)); n++ {
		written, _, err := decoder.Transform(dst[:], b[:n], false)
		if errors.Is(err, transform.ErrShortSrc) {
			continue
		}
		if err != nil || bytes.ContainsRune(dst[:written], utf8.RuneError) {
			return text, 0
		}
		return append(text, dst[:written]...), n
	}
	return text, 0
}

// Encode returns the bytes of text. A character that the code page lacks is
// an *EncodeError, never a substitute.
func (p CodePage) Encode(text string) ([]byte, error) {
	return p.appendEncoded(make([]byte, 0, len(text)), text)
}

// length is the number of bytes of text; the error is that of Encode.
func (p CodePage) length(text string) (int, error) {
	if p.name != "" && isASCII(text) {
		return len(text), nil
	}
	b, err := p.Encode(text)
	return len(b), err
}

func (p CodePage) appendEncoded(b []byte, text string) ([]byte, error) {
	switch {
	case p.name == "":
		return nil, errNoCodePage
	case isASCII(text):
		return append(b, text...), nil
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("%q is not valid Unicode text", text)
	case p.encoding == nil:
		return append(b, text...), nil
	}
	if table, is := p.encoding.(*charmap.Charmap); is {
		for _, r := range text {
			char, ok := table.EncodeRune(r)
			if !ok {
				return nil, &EncodeError{CodePage: p.name, Char: r}
			}
			b = append(b, char)
		}
		return b, nil
	}
	encoder := p.encoding.NewEncoder()
	for _, r := range text {
		if r < utf8.RuneSelf {
			b = append(b, byte(r))
			continue
		}
		var dst [4]byte
		n, _, err := encoder.Transform(dst[:], []byte(string(r)), true)
		if err != nil {
			return nil, &EncodeError{CodePage: p.name, Char: r}
		}
		b = append(b, dst[:n]...)
	}
	return b, nil
}
