package faultproxy

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"ccdirsync/testenv/pdu"
)

// Proxy is a proxy that runs.
type Proxy struct {
	target   string // host:port
	scheme   string
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	links   map[*link]bool
	faults  []*armed
	struck  int
	renewed chan struct{} // closed when the faults are set anew
	passed  map[Side]Traffic
}

// armed is a fault with how often its point fit.
type armed struct {
	Fault
	fits int
}

// Traffic is what came from one side, before any fault.
type Traffic struct {
	Bytes    int64
	Messages int64 // pieces of no meaning where it is encrypted
}

// Start starts a proxy on a free port of 127.0.0.1 before the server of an
// LDAP URL that names its port. It runs until Close.
func Start(target string) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil || u.Port() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
		return nil, fmt.Errorf("start a proxy before %q: give it as ldap://host:port or ldaps://host:port", target)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it lives until Close, not as long as some context
	if err != nil {
		return nil, fmt.Errorf("start a proxy before %s: %w", target, err)
	}
	p := &Proxy{
		target: u.Host, scheme: u.Scheme, listener: listener,
		links: map[*link]bool{}, renewed: make(chan struct{}), passed: map[Side]Traffic{},
	}
	p.serving.Go(p.accept)
	return p, nil
}

// URL is where clients find the server through the proxy.
func (p *Proxy) URL() string { return p.scheme + "://" + p.listener.Addr().String() }

// SetFaults replaces the faults, and lets go on what the former ones stalled.
func (p *Proxy) SetFaults(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.struck = nil, 0
	for _, f := range faults {
		p.faults = append(p.faults, &armed{Fault: f})
	}
	close(p.renewed)
	p.renewed = make(chan struct{})
}

// Struck is how many messages met a fault since the faults were set.
func (p *Proxy) Struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// Passed is what came from a side since the start.
func (p *Proxy) Passed(from Side) Traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[from]
}

// CutAll closes all connections that are open now.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.end(Close)
	}
}

// Close ends the proxy and all its connections, and returns when nothing of it
// runs any more.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	p.CutAll()
	p.serving.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() { p.serve(client) })
	}
}

// serve joins a client with the server until one of them leaves.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target) //nolint:noctx // the refusal comes at once, and a server that is gone is a case to be tested
	if err != nil {
		_ = client.Close() // the client finds out
		return
	}
	l := newLink(p, client, server)
	if !p.register(l) {
		l.end(Close)
		return
	}
	l.run()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

func (p *Proxy) register(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.links[l] = true
	}
	return !p.closed
}

// pick finds the effect for a message that follows so many bytes of its side,
// and notes that it came. The effect is nil for a message that passes as it is.
func (p *Proxy) pick(m *Passing, before int64) (Effect, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.passed[m.From]
	p.passed[m.From] = Traffic{Bytes: t.Bytes + int64(len(m.Raw)), Messages: t.Messages + 1}
	for _, f := range p.faults {
		if !f.At.fits(*m, before) {
			continue
		}
		f.fits++
		if f.fits <= f.At.Skip || f.At.Times > 0 && f.fits > f.At.Skip+f.At.Times {
			continue
		}
		if f.At.Bytes > 0 {
			m.Before = int(f.At.Bytes - before - 1)
		}
		p.struck++
		return f.Do, p.renewed
	}
	return nil, p.renewed
}

// fits reports whether the point picks a message of a side of which so many
// bytes came before, its counts left aside.
func (at Point) fits(m Passing, before int64) bool {
	switch {
	case at.From != Neither && at.From != m.From:
		return false
	case at.Op != 0 && at.Op != m.LDAP.Op:
		return false
	case at.Bytes > 0 && (at.Bytes <= before || at.Bytes > before+int64(len(m.Raw))):
		return false
	case at.DN != "" && !strings.EqualFold(at.DN, nameOf(m.LDAP)):
		return false
	}
	return true
}

// Ops are points for each of the operations.
func Ops(at Point, do Effect, ops ...pdu.Op) []Fault {
	var faults []Fault
	for _, op := range ops {
		at.Op = op
		faults = append(faults, Fault{At: at, Do: do})
	}
	return faults
}
