package ldapsrc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Conn is a connection to one server. It carries one operation at a time; use
// [Conn.Another] for operations at the same time.
//
// When the context of an operation ends before its answer has come, the
// connection is closed. A connection that was closed, for that reason, because
// it was idle for long, or by the server, is opened again when the next
// operation begins, at the same server: never within a search.
type Conn struct {
	server   Server
	endpoint endpoint

	mu     sync.Mutex
	users  int         // operations under way
	idle   *time.Timer // runs while there are none
	closed bool        // by Close

	raw    net.Conn // below TLS; closing it ends whatever is under way
	stream *stream  // above TLS; go-ldap reads from it
	wire   *wire    // of a Writer that sends beside go-ldap, if any
	ldap   *ldap.Conn
	peer   Pin // the key that the server has shown, under TLS
}

// Dial connects to the first of the servers that answers, starts TLS if asked
// for, and binds. A server that is not there or busy gives way to the next one;
// one that is refused for its certificate, or that refuses the account, ends
// the search.
func Dial(ctx context.Context, s Server) (*Conn, error) {
	s.setDefaults()
	endpoints, err := s.endpoints()
	if err != nil {
		return nil, err
	}
	var c *Conn
	err = s.repeat(ctx, func() (err error) {
		c, err = s.dialAny(ctx, endpoints)
		return err
	})
	return c, err
}

// dialAny tries one server after the other.
func (s Server) dialAny(ctx context.Context, endpoints []endpoint) (*Conn, error) {
	var failed error
	for _, e := range endpoints {
		c, err := s.dial(ctx, e, nil)
		if err == nil {
			return c, nil
		}
		if failed == nil {
			failed = err
		} else {
			failed = fmt.Errorf("%w; then %w", failed, err)
		}
		if !transient(err) || ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

func (s Server) dial(ctx context.Context, e endpoint, w *wire) (*Conn, error) {
	c := &Conn{server: s, endpoint: e, wire: w}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	c.idle = time.AfterFunc(s.IdleTimeout, c.rest)
	return c, nil
}

// Another opens one more connection to the server that c talks to. Change
// numbers of both are the same.
func (c *Conn) Another(ctx context.Context) (*Conn, error) {
	var another *Conn
	err := c.server.repeat(ctx, func() (err error) {
		another, err = c.server.dial(ctx, c.endpoint, nil)
		return err
	})
	return another, err
}

// URL is the server that answered, as it was given. Change numbers, and thus
// marks, belong to it (documented: ADX ds2exchgd_5vhh).
func (c *Conn) URL() string { return shownURL(c.endpoint.url) }

// Peer is the key that the server has shown under TLS; false means that there
// is no TLS.
func (c *Conn) Peer() (Pin, bool) { return c.peer, c.endpoint.secure || c.server.StartTLS }

// Local reports whether the server is on this machine, so that no wire is in
// between.
func (c *Conn) Local() bool { return c.endpoint.network == "unix" }

// open connects, starts TLS if asked for, and binds.
func (c *Conn) open(ctx context.Context) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	s := c.server
	err := c.ask(ctx, s.ReadTimeout, func() error {
		switch s.bind() {
		case External:
			return c.ldap.ExternalBind()
		case Simple:
			return c.ldap.Bind(s.BindDN, s.Password)
		case Anonymous:
		}
		return c.ldap.UnauthenticatedBind("")
	})
	if err != nil {
		_ = c.hangUp() // the first error is the one to tell
		return c.fail(opBind, s.BindDN, err)
	}
	return nil
}

// connect opens the connection, with TLS for ldaps and StartTLS.
func (c *Conn) connect(ctx context.Context) error {
	ctx, cancel := timeLimit(ctx, c.server.ConnectTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: keepAlive}
	raw, err := dialer.DialContext(ctx, c.endpoint.network, c.endpoint.address)
	if err != nil {
		return c.fail(opConnect, "", err)
	}
	transport, secure := raw, c.endpoint.secure || c.server.StartTLS
	if secure {
		if transport, err = c.secure(ctx, raw); err != nil {
			_ = raw.Close() // the first error is the one to tell
			return c.fail(opStartTLS, "", err)
		}
	}
	c.raw = raw
	c.handOver(transport, secure)
	return nil
}

// handOver gives a connection on which TLS, if any, has begun to the library,
// with what takes the entries out of it in between.
func (c *Conn) handOver(transport net.Conn, secure bool) {
	c.stream = newStream(transport)
	c.stream.wire = c.wire
	c.ldap = ldap.NewConn(c.stream, secure)
	c.ldap.Start()
}

// Close ends the connection. It does no harm to close one that is gone.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.idle.Stop()
	if err := c.hangUp(); err != nil {
		return c.fail(opClose, "", err)
	}
	return nil
}

// hangUp takes leave of the server.
func (c *Conn) hangUp() error {
	if c.ldap.IsClosing() {
		return nil
	}
	// A server that reads no more must not keep us from leaving.
	cut := time.AfterFunc(c.server.ConnectTimeout, func() { _ = c.raw.Close() })
	defer cut.Stop()
	if err := c.ldap.Unbind(); err != nil && !c.ldap.IsClosing() {
		return err
	}
	return nil
}

// rest hangs up on a server that was not asked anything for long, before the
// server does.
func (c *Conn) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users == 0 && !c.closed {
		_ = c.hangUp() // nothing is under way
	}
}

var (
	errClosed = errors.New("the connection was closed")
	errLost   = errors.New("the connection was lost")
)

// lostError is what ended the connection; go-ldap keeps only its text.
type lostError struct{ cause error }

func (e lostError) Error() string   { return e.cause.Error() }
func (e lostError) Unwrap() []error { return []error{errLost, e.cause} }

// hold begins an operation, for which it opens the connection again if it is
// gone. Within an operation, such as between the pages of a search, a lost
// connection stays lost. Call release at the end, when the error is nil.
func (c *Conn) hold(ctx context.Context) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch gone := c.ldap.IsClosing(); {
	case c.closed:
		return nil, errClosed
	case gone && c.users > 0:
		return nil, errLost
	case gone:
		if err := c.open(ctx); err != nil {
			return nil, err
		}
	}
	c.users++
	c.idle.Stop()
	return c.release, nil
}

func (c *Conn) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.users == 0 && !c.closed {
		c.idle.Reset(c.server.IdleTimeout)
	}
}

// request sends one request and waits for its answer.
func (c *Conn) request(ctx context.Context, limit time.Duration, send func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	release, err := c.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	return c.ask(ctx, limit, send)
}

// ask sends one request and waits for its answer. go-ldap does not know
// contexts; what ends a request early is that its connection is closed.
func (c *Conn) ask(ctx context.Context, limit time.Duration, send func() error) error {
	ctx, cancel := timeLimit(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	err := send()
	switch {
	case !stop():
		return context.Cause(ctx)
	case err != nil && c.ldap.IsClosing():
		return lostError{err}
	}
	return err
}

// timeLimit is the context for something that must not take longer.
func timeLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded))
}

// repeat does what may be done more than once, again if the server was not
// there or busy, with pauses that grow.
func (s Server) repeat(ctx context.Context, do func() error) error {
	for repetition := 1; ; repetition++ {
		err := do()
		if err == nil || repetition > s.Retry.Times || ctx.Err() != nil || !transient(err) {
			return err
		}
		if s.Trace != nil {
			s.Trace(fmt.Sprintf("# %v; trying again, %d of %d", err, repetition, s.Retry.Times))
		}
		if s.Retry.wait(ctx, repetition) != nil {
			return err
		}
	}
}

// transient reports whether an error may be gone the next time. A request that
// took too long would take as long again.
func transient(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	if e.Code != 0 {
		return e.Code == ldap.LDAPResultBusy || e.Code == ldap.LDAPResultUnavailable
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return e.Op == opConnect || e.Op == opStartTLS || e.Op == opBind
	}
	return e.Op == opConnect || isLost(e.Err)
}

// isLost reports whether an error is one of the connection.
func isLost(err error) bool {
	var refused tls.AlertError // of the other end, in an error of the network
	if errors.As(err, &refused) {
		return false
	}
	var network *net.OpError
	return errors.Is(err, errLost) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// fail makes the error of an operation on this connection.
func (c *Conn) fail(op, dn string, err error) *Error {
	var known *Error // of opening it again
	if errors.As(err, &known) {
		return known
	}
	return newError(c.URL(), op, dn, err)
}
