package exchange55

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"

	"ccdirsync/testenv/pdu"
)

// conn stands between a client and the protocol library. It reads one whole
// message, decodes it and keeps it for the handler, and gives the library a
// neutral one instead; and it replaces the end of the library's answer by the
// result the handler left. So the library never sees a filter, a control or a
// malformed message, and its answers carry any result code with entries.
//
// Read and Write are called by the one goroutine of the library that serves
// this connection; the fields need no lock.
type conn struct {
	net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	left []byte // of the neutral message, not yet read by the library

	request   request
	result    *result // set by the handler
	user      identity
	dropAfter int // close after that many more entries; negative is never
	broken    bool

	released sync.Once
	release  func(net.Conn) // tells the listener that the library is done with it
}

func newConn(socket net.Conn, release func(net.Conn)) *conn {
	return &conn{
		Conn: socket, in: bufio.NewReader(socket), out: bufio.NewWriter(socket),
		dropAfter: -1, release: release,
	}
}

// Read gives the library the next neutral message, or io.EOF: any other error
// it would print.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.left) == 0 {
		if !c.next() {
			return 0, io.EOF
		}
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

// next reads a message and either readies it for the library or answers it
// here. It returns false when the connection is at its end.
func (c *conn) next() bool {
	if c.broken {
		return false
	}
	message, err := pdu.Read(c.in, maxPDU)
	if err != nil {
		if !errors.Is(err, io.EOF) && !errors.Is(err, pdu.ErrTruncated) {
			c.disconnect(err)
		}
		return false
	}
	req, err := decodeRequest(message)
	if errors.Is(err, errEnvelope) {
		c.disconnect(err)
		return false
	}
	c.request, c.result, c.dropAfter = req, nil, -1
	if req.op == pdu.BindRequest {
		c.user = identity{} // a bind that fails leaves the connection anonymous (RFC 4511 section 4.2.1)
	}
	var r *refusal
	if errors.As(err, &r) {
		c.send(refused(r).encode(req))
		return !c.broken
	}
	if req.op != pdu.AbandonRequest { // the library would close the connection
		c.left = neutral(req)
	}
	return true
}

func (c *conn) disconnect(why error) {
	c.send(noticeOfDisconnection(why.Error()))
}

// Write takes the library's answer. It never fails: the library would print
// the error, and finds out at the next Read.
func (c *conn) Write(p []byte) (int, error) {
	switch {
	case c.broken:
	case isEntry(p):
		if c.dropAfter == 0 {
			c.cut()
			break
		}
		c.dropAfter--
		c.put(p)
	case c.result == nil:
		c.send(p)
	default:
		c.send(c.result.encode(c.request))
	}
	return len(p), nil
}

// put and send write a message; send makes sure that it goes out.
func (c *conn) put(message []byte) {
	if _, err := c.out.Write(message); err != nil {
		c.broken = true
	}
}

func (c *conn) send(message []byte) {
	c.put(message)
	if err := c.out.Flush(); err != nil {
		c.broken = true
	}
}

// cut ends the connection in the middle of an answer.
func (c *conn) cut() {
	if c.out.Flush() == nil {
		_ = c.Conn.Close() // nobody is left to tell
	}
	c.broken = true
}

// Close is called by the library when it has left its loop.
func (c *conn) Close() error {
	defer c.released.Do(func() { c.release(c.Conn) })
	return c.Conn.Close()
}

// identity is who is bound to a connection.
type identity struct {
	view  view
	write bool
}

// listener hands the library wrapped connections and keeps count of them.
type listener struct {
	net.Listener
	drained chan struct{} // closed when Accept has failed, which ends the library's accept loop

	mu     sync.Mutex
	closed bool
	live   map[net.Conn]bool
	left   *sync.Cond // a client has left; on mu
	busy   sync.WaitGroup
}

func newListener(inner net.Listener) *listener {
	l := &listener{Listener: inner, drained: make(chan struct{}), live: map[net.Conn]bool{}}
	l.left = sync.NewCond(&l.mu)
	return l
}

// Accept waits for a client. The library stops at the first error.
func (l *listener) Accept() (net.Conn, error) {
	socket, err := l.Listener.Accept()
	if err != nil {
		close(l.drained)
		return nil, net.ErrClosed // the one error that the library does not print
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy.Add(1)
	l.live[socket] = true
	if l.closed {
		_ = socket.Close() // the library finds out and releases it
	}
	return newConn(socket, l.release), nil
}

// release is told when the library is done with a connection.
func (l *listener) release(socket net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, socket)
	l.left.Broadcast()
	l.busy.Done()
}

// awaitClients waits until no connection is left.
func (l *listener) awaitClients() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.live) > 0 {
		l.left.Wait()
	}
}

// hangUp closes the connections of all clients.
func (l *listener) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for socket := range l.live {
		_ = socket.Close() // its goroutine finds out at the next Read or Write
	}
}
