package ldapsrc

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// stream is a connection that takes the entries of one search out of what the
// server sends and makes records of them in one pass. Every other message goes
// on to go-ldap, which stays in charge of the protocol: it sends the requests,
// numbers them and reads their results. It lies above TLS.
//
// go-ldap takes about seven times ldapsearch's CPU time to decode entries, and
// leaves 25 KB of garbage for each.
type stream struct {
	net.Conn
	water *lowWater // nil for none

	buffer   []byte
	from, to int // what is in the buffer and not dealt with
	pass     int // so many bytes from here on are go-ldap's

	wire      *wire // whose answers are taken out too, if any
	search    atomic.Pointer[search]
	broken    atomic.Pointer[error] // why nothing more can be read, if it is not the connection
	closed    chan struct{}
	closeOnce sync.Once
}

// bufferSize holds a page of entries as they usually are; a buffer above
// maxIdleBuffer was for one very large entry.
const bufferSize, maxIdleBuffer = 64 << 10, 1 << 20

func newStream(conn net.Conn) *stream {
	return &stream{Conn: conn, water: newLowWater(conn), buffer: make([]byte, bufferSize), closed: make(chan struct{})}
}

// search is a search whose entries are taken out of a stream. go-ldap's reader
// goroutine fills it; the one that reads entries empties it.
type search struct {
	unsent   atomic.Bool  // the next request for a search is its request
	id       atomic.Int64 // of its request under way
	recorder *recorder
	block    block
	usual    int // how many entries the last block had
	blocks   chan block
	discard  atomic.Bool // what comes is of no interest any more

	pageSize int  // entries that a page has at most
	full     bool // whether the last page had as many
	come     int  // entries of this page
	smallest int  // bytes of the smallest of all

	heard atomic.Uint64 // grows whenever the server is not to blame for silence
	stuck atomic.Bool   // waiting for the consumer
}

// count counts an entry or a reference of so many bytes.
func (q *search) count(size int) {
	q.come++
	if q.smallest == 0 || size < q.smallest {
		q.smallest = size
	}
}

// turn ends a page.
func (q *search) turn() {
	q.full, q.come = q.come == q.pageSize, 0
}

// expected is how many bytes of a page are still to come at least, beside those
// that are there, when entries are as large as before and the page is as full as
// the last one; 1 when that is not known.
func (q *search) expected(there int) int {
	if !q.full || q.come == 0 || q.come >= q.pageSize {
		return 1
	}
	return (q.pageSize-q.come)*q.smallest - there
}

// block is a run of entries, or what spoils the read.
type block struct {
	records []string
	names   *names
	err     error
}

// maxBlock is the greatest number of entries in a block.
const maxBlock = 256

func newSearch(n *names, pageSize int) *search {
	return &search{recorder: newRecorder(n), pageSize: pageSize, blocks: make(chan block, 2)}
}

// Write sends a request of go-ldap's, which writes each in one piece.
func (s *stream) Write(b []byte) (int, error) {
	if q := s.search.Load(); q != nil && q.unsent.Load() {
		if h, err := readHeader(b); err == nil && h.op == tagSearchRequest {
			q.id.Store(h.id)
			q.unsent.Store(false)
		}
	}
	return s.Conn.Write(b)
}

// Read gives go-ldap what is not ours.
func (s *stream) Read(p []byte) (int, error) {
	for {
		if n := min(s.pass, s.to-s.from); n > 0 {
			n = copy(p, s.buffer[s.from:s.from+n])
			s.from += n
			s.pass -= n
			return n, nil
		}
		more, err := true, error(nil)
		if s.pass == 0 {
			more, err = s.next()
		}
		if err == nil && more {
			err = s.fill()
		}
		if err != nil {
			if s.wire != nil {
				s.wire.lose(err)
			}
			return 0, err
		}
	}
}

// next deals with the message that begins here. It says whether more bytes are
// needed for that.
func (s *stream) next() (more bool, err error) {
	h, err := readHeader(s.buffer[s.from:s.to])
	if errors.Is(err, errTruncated) {
		return true, nil
	}
	if err != nil {
		s.broken.Store(&err)
		return false, err
	}
	if s.wire != nil && h.id >= firstOwnID {
		return s.answer(h)
	}
	q := s.search.Load()
	if q == nil || h.id != q.id.Load() {
		s.pass = h.size
		return false, nil
	}
	if h.op != tagSearchEntry && h.op != tagSearchReference {
		s.pass = h.size
		q.turn()
		q.flush(s.closed) // go-ldap must hear of the result after the entries
		return false, nil
	}
	if s.to-s.from < h.size {
		s.makeRoom(h.size)
		return true, nil
	}
	q.count(h.size)
	q.take(h, s.buffer[s.from:s.from+h.size], s.closed)
	s.from += h.size
	return false, nil
}

// answer takes out an answer to a Writer.
func (s *stream) answer(h header) (more bool, err error) {
	if s.to-s.from < h.size {
		s.makeRoom(h.size)
		return true, nil
	}
	err = s.wire.take(s.buffer[s.from:s.from+h.size], h)
	s.from += h.size
	return false, err
}

// makeRoom makes the buffer larger for a message of that size. It never grows
// to more than twice of what has come, so that a length alone takes no memory.
func (s *stream) makeRoom(size int) {
	if s.from+size <= len(s.buffer) {
		return
	}
	rest := s.buffer[s.from:s.to]
	if size > len(s.buffer) && len(rest) >= len(s.buffer)/2 {
		s.buffer = make([]byte, min(size, 2*len(s.buffer)))
	}
	s.from, s.to = 0, copy(s.buffer, rest)
}

// fill reads what the server has sent.
func (s *stream) fill() error {
	if s.from == s.to {
		s.from, s.to = 0, 0
		if len(s.buffer) > maxIdleBuffer {
			s.buffer = make([]byte, bufferSize)
		}
	} else if s.to == len(s.buffer) {
		s.makeRoom(len(s.buffer))
	}
	n, err := s.receive(s.buffer[s.to:])
	s.to += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// receive reads what was sent, which may be put off until more of a page has
// come.
func (s *stream) receive(p []byte) (n int, err error) {
	q, expected := s.search.Load(), 1
	if q != nil {
		defer q.heard.Add(1)
		expected = q.expected(s.to - s.from)
	}
	if s.water == nil {
		return s.Conn.Read(p)
	}
	return s.water.read(p, expected)
}

// Close closes the connection and lets a reader go that waits for its consumer.
func (s *stream) Close() error {
	s.closeOnce.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// take deals with an entry or a reference.
func (q *search) take(h header, message []byte, closed <-chan struct{}) {
	if q.discard.Load() {
		return
	}
	contents, _, err := element(message, h.at, h.op)
	if err == nil && h.op == tagSearchReference {
		url, _, _ := element(contents, 0, tagOctetString)
		err = fmt.Errorf("%w to %s", errReferral, url)
	} else if err == nil {
		var record string
		if record, err = q.recorder.decode(contents); err == nil {
			if q.block.records == nil {
				q.block.records = make([]string, 0, q.usual)
			}
			q.block.records = append(q.block.records, record)
			q.block.names = q.recorder.names
		}
	}
	if err != nil {
		q.flush(closed)
		q.block.err = err
	}
	if err != nil || len(q.block.records) == maxBlock {
		q.flush(closed)
	}
}

// flush hands over what was taken. It waits when the consumer is slow, and then
// the server has to wait too.
func (q *search) flush(closed <-chan struct{}) {
	if len(q.block.records) == 0 && q.block.err == nil {
		return
	}
	b := q.block
	q.block, q.usual = block{}, len(b.records)
	select {
	case q.blocks <- b:
		return
	default:
	}
	q.stuck.Store(true)
	select {
	case q.blocks <- b:
	case <-closed:
	}
	q.stuck.Store(false)
	q.heard.Add(1)
}
