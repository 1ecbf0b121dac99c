package ldapsrc

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// What a Server means by zero. Ours, but for the page size, which is the
// number of entries an Exchange 5.5 server gives at most (documented: K243786).
// The server ends connections that are idle for 10 minutes (documented:
// K156063); ours end before.
const (
	defaultConnectTimeout = 10 * time.Second
	defaultReadTimeout    = time.Minute
	defaultIdleTimeout    = 5 * time.Minute
	defaultPageSize       = 100
	defaultBackoff        = 500 * time.Millisecond
	longestBackoff        = 30 * time.Second
)

// keepAlive finds out within a minute that the other end is gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// Server is where the directory is and how to talk to it.
type Server struct {
	// URLs are servers of one site, tried in this order: ldap://host[:389],
	// ldaps://host[:636], or ldapi://%2Fpath for a socket of this machine.
	// [Conn.URL] says which one answered.
	URLs []string

	Bind     Bind   // empty means Simple with a BindDN, else Anonymous
	BindDN   string // goes to the server as it is
	Password string

	// TLS is for ldaps and StartTLS; nil verifies against the system's
	// authorities. A client certificate in it is what External binds with.
	// Verification cannot be switched off.
	TLS *tls.Config
	// Pins are keys of which the server must have one. Beside authorities in
	// TLS both must be right. Without them the pin takes their place: the
	// certificate must be valid now and, when TLS names a server, have that
	// name, but nobody else needs to vouch for it.
	Pins     []Pin
	StartTLS bool     // ask for TLS on an ldap connection, before the bind
	Files    TLSFiles // for Trace

	PageSize       int           // entries per answer; 0 means 100
	ConnectTimeout time.Duration // for the connection and its TLS handshake; 0 means 10 seconds
	ReadTimeout    time.Duration // for each request, thus for each page of a search; 0 means a minute
	IdleTimeout    time.Duration // after which an idle connection is closed until it is needed; 0 means 5 minutes
	Retry          Retry
	Connections    int // how many may be open at the same time; 0 means one
	WritesInFlight int // how many groups of changes a Writer has under way at the same time; 0 means 8

	Profile Profile // the zero value means Exchange55
	// Trace is called with an ldapsearch command for each search, and with a
	// comment of the shell for what is tried again; nil for none.
	Trace func(string)
}

// Bind is how a connection proves who it is.
type Bind string

// The ways to bind.
const (
	Simple    Bind = "simple"    // with a name and a password
	Anonymous Bind = "anonymous" // with an empty name
	External  Bind = "external"  // SASL EXTERNAL: by the client certificate, or by the user of the process over ldapi
)

// TLSFiles names the files that TLS was made of, so that a traced search can be
// repeated with them. They are not read.
type TLSFiles struct{ CA, Certificate, Key string }

// Retry says how often something that failed for a lost connection or a busy
// server is tried again. Only what may be done twice is: connecting, and reads
// from their very start.
type Retry struct {
	Times   int           // beside the first one
	Backoff time.Duration // before the first of them, twice that before the next, up to 30 seconds; 0 means half a second
	// Jitter returns a number from 0 to 1 that says how much of the second
	// half of a pause is waited, so that many do not come back at once; nil
	// means all of it.
	Jitter func() float64
}

// pause is how long to wait before a repetition, from 1.
func (r Retry) pause(repetition int) time.Duration {
	whole := cmp.Or(max(r.Backoff, 0), defaultBackoff)
	for range repetition - 1 {
		whole = min(2*whole, longestBackoff)
	}
	if r.Jitter == nil {
		return whole
	}
	return whole/2 + time.Duration(r.Jitter()*float64(whole/2))
}

// wait waits before a repetition. It returns the error of the context when that
// ends first.
func (r Retry) wait(ctx context.Context, repetition int) error {
	timer := time.NewTimer(r.pause(repetition))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// endpoint is a server as the network knows it.
type endpoint struct {
	url              string // as it was given
	network, address string
	host             string // that its certificate is to name
	secure           bool   // TLS from the start
}

// endpoints checks where the servers are and how to bind to them.
func (s Server) endpoints() ([]endpoint, error) {
	if len(s.URLs) == 0 {
		return nil, &Error{Op: opConnect, Err: errors.New("no URL is given"), Hint: urlForm}
	}
	all := make([]endpoint, len(s.URLs))
	for i, raw := range s.URLs {
		e, err := s.endpoint(raw)
		if err == nil && s.TLS.InsecureSkipVerify {
			err = refuse(opConnect, raw, "the verification of the server is switched off", "pin its key instead")
		}
		if err == nil {
			err = s.checkBind(e)
		}
		if err != nil {
			return nil, err
		}
		all[i] = e
	}
	return all, nil
}

const urlForm = "write it as ldap://host:389 or ldaps://host:636"

func refuse(op, raw, problem, hint string) error {
	return &Error{Op: op, URL: shownURL(raw), Err: errors.New(problem), Hint: hint}
}

// endpoint checks a URL.
func (s Server) endpoint(raw string) (endpoint, error) {
	if socket, is := strings.CutPrefix(raw, "ldapi://"); is {
		return s.socket(raw, socket)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		var parse *url.Error // its text repeats the URL
		if errors.As(err, &parse) {
			err = parse.Err
		}
		return endpoint{}, refuse(opConnect, raw, "the URL cannot be read: "+err.Error(), urlForm)
	case u.Scheme != "ldap" && u.Scheme != "ldaps":
		return endpoint{}, refuse(opConnect, raw, "the URL does not begin with ldap://, ldaps:// or ldapi://", urlForm)
	case u.Hostname() == "":
		return endpoint{}, refuse(opConnect, raw, "the URL has no host", urlForm)
	case u.User != nil:
		return endpoint{}, refuse(opConnect, raw, "the URL holds a user name", "give the bind name and the password apart from the URL")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return endpoint{}, refuse(opConnect, raw, "the URL holds more than a host and a port", urlForm)
	case u.Scheme == "ldaps" && s.StartTLS:
		return endpoint{}, refuse(opConnect, raw, "StartTLS is asked for on an ldaps URL, which is TLS from the start", "use one of them")
	}
	e := endpoint{url: raw, network: "tcp", host: u.Hostname(), secure: u.Scheme == "ldaps"}
	port := ldap.DefaultLdapPort
	if e.secure {
		port = ldap.DefaultLdapsPort
	}
	e.address = net.JoinHostPort(e.host, cmp.Or(u.Port(), port))
	return e, nil
}

// socket is the endpoint of an ldapi URL, which holds the path in the place of
// a host.
func (s Server) socket(raw, escaped string) (endpoint, error) {
	path, err := url.PathUnescape(escaped)
	switch {
	case err != nil || !filepath.IsAbs(path) || strings.Contains(escaped, "/"):
		return endpoint{}, refuse(opConnect, raw, "the URL does not hold the path of a socket", "write it as ldapi://%2Fvar%2Frun%2Fslapd%2Fldapi")
	case s.StartTLS:
		return endpoint{}, refuse(opConnect, raw, "StartTLS is asked for on a socket of this machine", "leave it out")
	}
	return endpoint{url: raw, network: "unix", address: path}, nil
}

// checkBind refuses a way to bind for which something is missing, before
// anything is sent.
func (s Server) checkBind(e endpoint) error {
	secure := e.secure || s.StartTLS
	certificate := len(s.TLS.Certificates) > 0 || s.TLS.GetClientCertificate != nil
	switch {
	case s.bind() == Simple && s.BindDN == "":
		return refuse(opBind, e.url, "a simple bind has no name", "give one, or bind anonymously")
	case s.bind() != Simple && s.BindDN != "":
		return refuse(opBind, e.url, "a bind name is given, which goes with a simple bind only", "leave it out")
	case s.bind() == External && e.network != "unix" && (!secure || !certificate):
		return refuse(opBind, e.url, "an external bind needs TLS and a client certificate", "use ldaps or StartTLS, and give a certificate with its key")
	case s.bind() != Simple && s.bind() != Anonymous && s.bind() != External:
		return refuse(opBind, e.url, "the way to bind "+quote(string(s.Bind))+" is not known", "known: simple, anonymous, external")
	}
	return nil
}

// bind is how to bind.
func (s Server) bind() Bind {
	switch {
	case s.Bind != "":
		return s.Bind
	case s.BindDN != "":
		return Simple
	}
	return Anonymous
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

func (s *Server) setDefaults() {
	s.ConnectTimeout = cmp.Or(max(s.ConnectTimeout, 0), defaultConnectTimeout)
	s.ReadTimeout = cmp.Or(max(s.ReadTimeout, 0), defaultReadTimeout)
	s.IdleTimeout = cmp.Or(max(s.IdleTimeout, 0), defaultIdleTimeout)
	s.PageSize = cmp.Or(max(s.PageSize, 0), defaultPageSize)
	s.Connections = max(s.Connections, 1)
	if s.Profile.Name == "" {
		s.Profile = Exchange55()
	}
	if s.TLS == nil {
		s.TLS = &tls.Config{}
	}
}
