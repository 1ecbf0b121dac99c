package ldapsrc

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Pin is the SHA-256 of a server's public key: of the SubjectPublicKeyInfo of
// its certificate (RFC 7469), which stays when the certificate is renewed.
type Pin [sha256.Size]byte

// PinOf is the pin of the key in a certificate.
func PinOf(certificate *x509.Certificate) Pin {
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// ParsePin reads a pin in base64, as OpenLDAP and RFC 7469 write it, or in
// hexadecimal digits, with colons or without.
func ParsePin(text string) (Pin, error) {
	sum, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		sum, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(sum) != len(Pin{}) {
		return Pin{}, fmt.Errorf("%s is not a SHA-256 in base64 or hexadecimal digits", quote(text))
	}
	return Pin(sum), nil
}

// String is the pin in base64.
func (p Pin) String() string { return base64.StdEncoding.EncodeToString(p[:]) }

// errPin is a server with another key than the pinned ones.
var errPin = errors.New("the server's public key is not a pinned one")

// pinnedAlone reports whether the pins take the place of authorities.
func (s Server) pinnedAlone() bool { return len(s.Pins) > 0 && s.TLS.RootCAs == nil }

// tlsFor is how to verify a host. seen is told the key of the server that was
// verified.
func (s Server) tlsFor(host string, seen func(Pin)) *tls.Config {
	config, wanted := s.TLS.Clone(), s.TLS.ServerName
	if wanted == "" {
		config.ServerName = host
	}
	// What the library would verify is done below, but for the authority.
	config.InsecureSkipVerify = s.pinnedAlone()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		certificate := state.PeerCertificates[0]
		pin := PinOf(certificate)
		if len(s.Pins) > 0 && !slices.Contains(s.Pins, pin) {
			return fmt.Errorf("%w: it has %s", errPin, pin)
		}
		seen(pin)
		if !s.pinnedAlone() {
			return nil
		}
		own := x509.NewCertPool()
		own.AddCert(certificate)
		_, err := certificate.Verify(x509.VerifyOptions{Roots: own, DNSName: wanted})
		return err
	}
	return config
}

// secure makes the connection a secure one: at once, or with StartTLS.
func (c *Conn) secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if !c.endpoint.secure {
		if err := askForTLS(raw); err != nil {
			return nil, endedBy(ctx, err)
		}
	}
	session := tls.Client(raw, c.server.tlsFor(c.endpoint.host, func(p Pin) { c.peer = p }))
	if err := session.HandshakeContext(ctx); err != nil {
		return nil, endedBy(ctx, err)
	}
	return session, nil
}

// endedBy is the reason of an error that came about because the context ended.
func endedBy(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// startTLSRequest is a message with the extended request for StartTLS (RFC
// 4511, section 4.14.1). go-ldap's own call would put TLS between itself and
// what is to see the messages.
const startTLSRequest = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

// longestAnswer is more than an answer to StartTLS ever needs, in bytes.
const longestAnswer = 64 << 10

// askForTLS asks the server to go on with TLS. It reads no byte more than the
// answer: what was sent in the clear must not be taken for a part of what comes
// under TLS.
func askForTLS(raw net.Conn) error {
	if _, err := io.WriteString(raw, startTLSRequest); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(io.LimitReader(raw, longestAnswer))
	if err != nil {
		return err
	}
	if len(answer.Children) < 2 || answer.Children[1].Tag != ldap.ApplicationExtendedResponse {
		return errors.New("the answer is not one to StartTLS")
	}
	return ldap.GetLDAPError(answer)
}
