package ldapsrc

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// What a Server means by zero. Ours, but for the page size, which is the
// number of entries an Exchange 5.5 server gives at most (documented: K243786).
const (
	defaultConnectTimeout = 10 * time.Second
	defaultReadTimeout    = time.Minute
	defaultPageSize       = 100
)

// Server is where the directory is and how to talk to it.
type Server struct {
	URL      string // ldap://host[:389] or ldaps://host[:636]
	BindDN   string // goes to the server as it is; empty for an anonymous bind
	Password string

	TLS      *tls.Config // for ldaps and StartTLS; nil verifies against the system's authorities
	StartTLS bool        // ask for TLS on an ldap connection, before the bind

	PageSize       int           // entries per answer; 0 means 100
	ConnectTimeout time.Duration // for the connection and its TLS handshake; 0 means 10 seconds
	ReadTimeout    time.Duration // for each request, thus for each page of a search; 0 means a minute

	Profile Profile      // the zero value means Exchange55
	Trace   func(string) // called with an ldapsearch command for each search; nil for none
}

// Conn is a connection to a server. It carries one operation at a time; use a
// second connection for operations at the same time. When the context of an
// operation ends before its answer has come, the connection is closed and
// every later operation fails.
type Conn struct {
	server Server
	raw    net.Conn // below TLS; closing it ends whatever is under way
	ldap   *ldap.Conn
}

// Dial connects to a server, starts TLS if asked for, and binds.
func Dial(ctx context.Context, s Server) (*Conn, error) {
	endpoint, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	s.setDefaults(endpoint.Hostname())
	c := &Conn{server: s}
	if err = c.connect(ctx, endpoint); err != nil {
		return nil, err
	}
	if err = c.authenticate(ctx); err != nil {
		_ = c.Close() // the first error is the one to tell
		return nil, err
	}
	return c, nil
}

// authenticate starts TLS if asked for, and binds.
func (c *Conn) authenticate(ctx context.Context) error {
	s := c.server
	if s.StartTLS {
		err := c.request(ctx, s.ConnectTimeout, func() error { return c.ldap.StartTLS(s.TLS) })
		if err != nil {
			return c.fail(opStartTLS, "", err)
		}
	}
	err := c.request(ctx, s.ReadTimeout, func() error {
		if s.BindDN == "" {
			return c.ldap.UnauthenticatedBind("")
		}
		return c.ldap.Bind(s.BindDN, s.Password)
	})
	if err != nil {
		return c.fail(opBind, s.BindDN, err)
	}
	return nil
}

// Close ends the connection. It does no harm to close one that is gone.
func (c *Conn) Close() error {
	if c.ldap.IsClosing() {
		return nil
	}
	// A server that reads no more must not keep us from leaving.
	cut := time.AfterFunc(c.server.ConnectTimeout, func() { _ = c.raw.Close() })
	defer cut.Stop()
	if err := c.ldap.Unbind(); err != nil && !c.ldap.IsClosing() {
		return c.fail(opClose, "", err)
	}
	return nil
}

// endpoint checks the URL.
func (s Server) endpoint() (*url.URL, error) {
	refuse := func(problem, hint string) error {
		return &Error{Op: opConnect, URL: shownURL(s.URL), Err: errors.New(problem), Hint: hint}
	}
	const form = "write it as ldap://host:389 or ldaps://host:636"
	u, err := url.Parse(s.URL)
	switch {
	case err != nil:
		var parse *url.Error // its text repeats the URL
		if errors.As(err, &parse) {
			err = parse.Err
		}
		return nil, refuse("the URL cannot be read: "+err.Error(), form)
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return nil, refuse("the URL does not begin with ldap:// or ldaps://", form)
	case u.Hostname() == "":
		return nil, refuse("the URL has no host", form)
	case u.User != nil:
		return nil, refuse("the URL holds a user name", "give the bind name and the password apart from the URL")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, refuse("the URL holds more than a host and a port", form)
	case u.Scheme == "ldaps" && s.StartTLS:
		return nil, refuse("StartTLS is asked for on an ldaps URL, which is TLS from the start", "use one of them")
	}
	return u, nil
}

// shownURL is the URL as it may be shown: without a user name and password
// that someone may have put into it.
func shownURL(raw string) string {
	scheme, rest, found := strings.Cut(raw, "://")
	if at := strings.LastIndexByte(rest, '@'); found && at >= 0 {
		return scheme + "://" + rest[at+1:]
	}
	return raw
}

func (s *Server) setDefaults(host string) {
	if s.ConnectTimeout <= 0 {
		s.ConnectTimeout = defaultConnectTimeout
	}
	if s.ReadTimeout <= 0 {
		s.ReadTimeout = defaultReadTimeout
	}
	if s.PageSize <= 0 {
		s.PageSize = defaultPageSize
	}
	if s.Profile.Name == "" {
		s.Profile = Exchange55()
	}
	if s.TLS == nil {
		s.TLS = &tls.Config{}
	}
	s.TLS = s.TLS.Clone()
	if s.TLS.ServerName == "" {
		s.TLS.ServerName = host
	}
}

// connect opens the connection, with TLS for ldaps.
func (c *Conn) connect(ctx context.Context, endpoint *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, c.server.ConnectTimeout)
	defer cancel()
	secure := endpoint.Scheme == "ldaps"
	port := ldap.DefaultLdapPort
	if secure {
		port = ldap.DefaultLdapsPort
	}
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(endpoint.Hostname(), cmp.Or(endpoint.Port(), port)))
	if err != nil {
		return c.fail(opConnect, "", err)
	}
	c.raw = raw
	transport := raw
	if secure {
		session := tls.Client(raw, c.server.TLS)
		if err := session.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the first error is the one to tell
			return c.fail(opStartTLS, "", err)
		}
		transport = session
	}
	c.ldap = ldap.NewConn(transport, secure)
	c.ldap.Start()
	return nil
}

// request sends one request and waits for its answer. go-ldap does not know
// contexts; what ends a request early is that its connection is closed.
func (c *Conn) request(ctx context.Context, limit time.Duration, send func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	late := fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	err := send()
	if !stop() {
		return context.Cause(ctx)
	}
	return err
}

// fail makes the error of an operation on this connection.
func (c *Conn) fail(op, dn string, err error) error {
	return newError(shownURL(c.server.URL), op, dn, err)
}
