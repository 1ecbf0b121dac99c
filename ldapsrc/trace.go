package ldapsrc

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-ldap/ldap/v3"
)

// trace tells a search as a command that can be pasted into a shell. The
// password is not in it: -W asks for it.
func (c *Conn) trace(request *ldap.SearchRequest) {
	s := c.server
	if s.Trace == nil {
		return
	}
	words := append([]string{"ldapsearch"}, c.bindWords()...)
	scope := map[int]string{ldap.ScopeBaseObject: "base", ldap.ScopeSingleLevel: "one", ldap.ScopeWholeSubtree: "sub"}[request.Scope]
	words = append(words, "-b", request.BaseDN, "-s", scope)
	if request.SizeLimit > 0 {
		words = append(words, "-z", strconv.Itoa(request.SizeLimit))
	}
	for _, control := range request.Controls {
		switch control := control.(type) {
		case *ldap.ControlPaging:
			words = append(words, "-E", fmt.Sprintf("pr=%d/noprompt", s.PageSize))
		case *ldap.ControlSyncRequest:
			words = append(words, "-E", syncWord(control.Cookie))
		}
	}
	words = append(append(words, request.Filter), request.Attributes...)
	for i, word := range words {
		words[i] = shellWord(word)
	}
	s.Trace(strings.Join(append(c.environment(), words...), " "))
}

// syncWord asks ldapsearch for content synchronization, which the server must
// not leave out. It takes a cookie as text, and those of servers are (seen:
// slapd 2.5.13); none begins where the first synchronization does.
func syncWord(cookie []byte) string {
	if len(cookie) == 0 {
		return "!sync=ro"
	}
	return "!sync=ro/" + string(cookie)
}

// bindWords are the options that say where to search and as whom.
func (c *Conn) bindWords() []string {
	s, words := c.server, []string{"-LLL", "-H", c.URL()}
	if s.StartTLS {
		words = append(words, "-ZZ")
	}
	switch s.bind() {
	case External:
		return append([]string{"-Y", "EXTERNAL", "-Q"}, words...)
	case Simple:
		words = append(words, "-D", s.BindDN, "-W")
	case Anonymous:
	}
	return append([]string{"-x"}, words...)
}

// environment is what the command has to know of TLS. ldapsearch cannot be told
// another name for the server, or authorities that are in no file we know of;
// it then gets the key that was verified here, which is as strict.
func (c *Conn) environment() []string {
	s := c.server
	if !c.endpoint.secure && !s.StartTLS {
		return nil
	}
	name := s.TLS.ServerName
	inexpressible := s.pinnedAlone() || s.TLS.RootCAs != nil && s.Files.CA == "" || name != "" && name != c.endpoint.host
	var words []string
	set := func(name, value string) {
		if value != "" {
			words = append(words, "LDAPTLS_"+name+"="+shellWord(value))
		}
	}
	if inexpressible || len(s.Pins) > 0 {
		set("PEERKEY_HASH", "sha256:"+c.peer.String())
	}
	if inexpressible {
		set("REQCERT", "never")
	} else {
		set("CACERT", s.Files.CA)
	}
	set("CERT", s.Files.Certificate)
	set("KEY", s.Files.Key)
	return words
}

// shellWord quotes a word for a POSIX shell where that is needed. One with
// control characters gets the newer form of quotes, so that it can neither end
// the line nor do anything to a terminal.
func shellWord(word string) string {
	if strings.ContainsFunc(word, unicode.IsControl) {
		return shellEscaped(word)
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func shellEscaped(word string) string {
	var b strings.Builder
	b.WriteString("$'")
	for _, r := range word {
		switch {
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\%03o`, r)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		case r == '\\' || r == '\'':
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + "'"
}
