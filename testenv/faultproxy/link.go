package faultproxy

import (
	"bufio"
	"net"
	"sync"
	"time"

	"ccdirsync/testenv/pdu"
)

// Limits of what is read at once.
const (
	maxMessage = 64 << 20 // far above the largest list
	piece      = 16 << 10 // of what is encrypted
)

// link is a client joined with the server.
type link struct {
	proxy *Proxy
	ends  map[Side]*end
	over  chan struct{} // closed when the link has ended
	once  sync.Once

	mu    sync.Mutex
	asked []byte // cookie of the last request for a page
}

// end is the connection to one side.
type end struct {
	net.Conn
	writing sync.Mutex
}

func (e *end) send(data []byte) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	_, err := e.Write(data)
	return err
}

func newLink(p *Proxy, client, server net.Conn) *link {
	return &link{
		proxy: p, over: make(chan struct{}),
		ends: map[Side]*end{Client: {Conn: client}, Server: {Conn: server}},
	}
}

// run passes messages both ways until the link ends.
func (l *link) run() {
	var other sync.WaitGroup
	other.Go(func() { l.pump(Server, Client) })
	l.pump(Client, Server)
	other.Wait()
}

// end closes both connections.
func (l *link) end(how Then) {
	l.once.Do(func() {
		for _, side := range []Side{Client, Server} {
			if tcp, is := l.ends[side].Conn.(*net.TCPConn); is && how == Reset {
				_ = tcp.SetLinger(0) // what is not sent is thrown away, and the other side told so
			}
			_ = l.ends[side].Close() // both sides find out
		}
		close(l.over)
	})
}

// pump passes what comes from one side to the other until the link ends.
func (l *link) pump(from, to Side) {
	defer l.end(Close)
	in := bufio.NewReaderSize(l.ends[from], piece)
	for before := int64(0); ; {
		m, err := l.next(in, from)
		if err != nil {
			return
		}
		do, renewed := l.proxy.pick(&m, before)
		before += int64(len(m.Raw))
		out := Outcome{Pass: m.Raw}
		if do != nil {
			out = do(m)
		}
		if !l.deliver(out, from, to) {
			return
		}
		if out.Then == Stall {
			select {
			case <-renewed: // what was kept goes on now
				if l.ends[to].send(m.Raw[m.Before:]) != nil {
					return
				}
			case <-l.over:
				return
			}
		}
	}
}

// deliver does to a connection what an effect asked for, and reports whether
// it goes on.
func (l *link) deliver(out Outcome, from, to Side) bool {
	if !l.wait(out) {
		return false
	}
	if len(out.Back) > 0 && l.ends[from].send(out.Back) != nil {
		return false
	}
	if len(out.Pass) > 0 && l.ends[to].send(out.Pass) != nil {
		return false
	}
	if out.Then == Close || out.Then == Reset {
		l.end(out.Then)
		return false
	}
	return true
}

func (l *link) wait(out Outcome) bool {
	if out.Wait > 0 {
		timer := time.NewTimer(out.Wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.over:
			return false
		}
	}
	if out.Until != nil {
		select {
		case <-out.Until:
		case <-l.over:
			return false
		}
	}
	return true
}

// next reads a message or, where there are none, a piece of what is encrypted.
func (l *link) next(in *bufio.Reader, from Side) (Passing, error) {
	m := Passing{From: from}
	start, err := in.Peek(1)
	if err != nil {
		return m, err
	}
	if start[0] != pdu.Sequence { // a record of TLS
		buffer := make([]byte, piece)
		n, broken := in.Read(buffer)
		m.Raw = buffer[:n]
		return m, broken
	}
	if m.Raw, err = pdu.Read(in, maxMessage); err != nil {
		return m, err
	}
	if m.LDAP, err = pdu.ParseMessage(m.Raw); err != nil {
		return m, nil // what is no message passes as it is: the sides are to find out
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if cookie, paged := cookieOf(m.LDAP); paged && m.LDAP.Op == pdu.SearchRequest {
		l.asked = cookie
	}
	m.Asked = l.asked
	return m, nil
}
