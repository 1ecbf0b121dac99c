package ccmail_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"ccdirsync/ccmail"
)

var allPages = []string{
	"cp437", "cp850", "cp852", "cp855", "cp858", "cp860", "cp862", "cp863", "cp865", "cp866",
	"cp932", "cp936", "cp949", "cp950", "windows-1252", "utf-8",
}

func TestCodePageByName(t *testing.T) {
	t.Parallel()
	for spelled, want := range map[string]string{
		"437": "cp437", "CP850": "cp850", "cp932": "cp932", "Windows-1252": "windows-1252", "UTF-8": "utf-8",
	} {
		if got := page(t, spelled).String(); got != want {
			t.Errorf("%s is %s, want %s", spelled, got, want)
		}
	}
	for _, name := range allPages {
		if got := page(t, name).String(); got != name {
			t.Errorf("%s is %s", name, got)
		}
	}
	_, err := ccmail.CodePageByName("cp10000")
	wantError(t, err, `unknown code page "cp10000"`, "cp437, cp850", "windows-1252, utf-8")
}

// In 437 and 850 all 256 bytes are characters, the first 32 are themselves.
func TestEveryByteRoundTrips(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"437", "850"} {
		p := page(t, name)
		for c := range 256 {
			text, err := p.Decode([]byte{byte(c)})
			if err != nil {
				t.Fatal(err)
			}
			if c < 0x80 && text != string(rune(c)) {
				t.Errorf("%s: byte %#x is %q", name, c, text)
			}
			if b, err := p.Encode(text); err != nil || len(b) != 1 || int(b[0]) != c {
				t.Errorf("%s: byte %#x comes back as % x, %v", name, c, b, err)
			}
		}
	}
}

// Whatever a page encodes must be read back as itself: an encoder that puts
// a look-alike in place of a character would change names in silence.
func TestEncodedCharactersComeBack(t *testing.T) {
	t.Parallel()
	for _, name := range allPages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := page(t, name)
			encoded := 0
			for r := range rune(0x10000) {
				if !utf8.ValidRune(r) {
					continue
				}
				b, err := p.Encode(string(r))
				if err != nil {
					var lacking *ccmail.EncodeError
					if !errors.As(err, &lacking) || lacking.Char != r {
						t.Fatalf("%U: %v", r, err)
					}
					continue
				}
				encoded++
				if text, err := p.Decode(b); err != nil || text != string(r) {
					t.Fatalf("%U is written % x and read %q, %v", r, b, text, err)
				}
			}
			if encoded < 200 {
				t.Errorf("only %d characters", encoded)
			}
		})
	}
}

// A second byte must never look like what cuts a file into lines and values.
func TestStructureIsNeverPartOfACharacter(t *testing.T) {
	t.Parallel()
	for _, name := range allPages {
		p := page(t, name)
		for lead := 0x80; lead < 0x100; lead++ {
			for _, c := range []byte("\r\n\x1a \t:") {
				text, err := p.Decode([]byte{byte(lead), c})
				if err == nil && text[len(text)-1] != c {
					t.Errorf("%s: % x is %q", name, []byte{byte(lead), c}, text)
				}
			}
		}
	}
}

func TestUndecodableBytes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page, bytes string
		offset      int
	}{
		"a lead byte at the end":          {"932", "ab\x83", 2},
		"a lead byte before a line end":   {"932", "\x83\x41\x83\r", 2},
		"a byte that 932 does not have":   {"932", "a\xff", 1},
		"a pair that 936 does not have":   {"936", "\xff\xff", 0},
		"half a character of 949":         {"949", "a\xb0", 1},
		"half a character of 950":         {"950", "a\xa4", 1},
		"text of 437 read as UTF-8":       {"utf-8", "M\x81ller", 1},
		"a character of UTF-8 is cut off": {"utf-8", "M\xc3", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := page(t, c.page).Decode([]byte(c.bytes))
			var bad *ccmail.DecodeError
			if !errors.As(err, &bad) {
				t.Fatalf("%q, %v", text, err)
			}
			if bad.Offset != c.offset || bad.Byte != c.bytes[c.offset] {
				t.Errorf("%v, want offset %d", bad, c.offset)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, bytes, want string }{
		"umlaut in 437":     {"437", "M\x81ller", "Müller"},
		"umlaut in 850":     {"850", "M\x81ller", "Müller"},
		"cyrillic":          {"866", "\x88\xa2\xa0\xad", "Иван"},
		"hebrew":            {"862", "\x80\x81", "אב"},
		"japanese":          {"932", "\x83\x65\x83\x58\x83\x67", "テスト"},
		"second byte 5C":    {"932", "\x83\x5c", "ソ"},
		"chinese":           {"936", "\xd6\xd0", "中"},
		"chinese, Taiwan":   {"950", "\xa4\xa4", "中"},
		"korean":            {"949", "\xb0\xa1", "가"},
		"euro only in 858":  {"858", "\xd5", "€"},
		"nothing to decode": {"437", "", ""},
	} {
		if got, err := page(t, c.page).Decode([]byte(c.bytes)); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	_, err := page(t, "437").Encode("5 €")
	wantError(t, err, "'€' (U+20AC) is not in code page cp437")
	_, err = page(t, "932").Encode("5 ¥") // would become a backslash
	wantError(t, err, "'¥' (U+00A5) is not in code page cp932")
	_, err = page(t, "utf-8").Encode("M\x81ller")
	wantError(t, err, `"M\x81ller" is not valid Unicode text`)
	var none ccmail.CodePage
	_, err = none.Encode("x")
	wantError(t, err, "no code page is set")
	_, err = none.Decode([]byte("x"))
	wantError(t, err, "no code page is set")
}
