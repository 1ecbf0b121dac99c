package ldapsrc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Entries reads all recipients below base (and base itself, if it is one) in
// the order in which the server gives them, leftovers of deletions among them
// where they are seen. With since above 0 only those with that USN or a higher
// one are asked for. It is the one way in which recipients are read; Read and
// Changes stand on it.
//
// The read is whole or it ends with an error, an *Error, and then nothing of it
// may be believed: any result code but success, a referral, an answer that does
// not say whether there are more pages, a page mark that comes twice, an entry
// that comes twice or that cannot be understood, a lost connection, a server
// that is silent for ReadTimeout, a cancelled context. Finding nothing proves
// nothing: ask Exists for base.
//
// While one page is dealt with, the next is under way. The server has to wait
// when the loop is slow, and that is no silence. The connection is busy until
// the loop ends; within it, use another one. A loop that is left early waits for
// the end of the page under way, and then the connection can be used again; it
// cannot after an error that has no result code, nor when ctx has ended.
func (c *Conn) Entries(ctx context.Context, base string, since int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		twice := newDNSet()
		for b, err := range c.blocks(ctx, base, since) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, record := range b.records {
				e := Entry{record, b.names}
				if twice.add(e) {
					yield(Entry{}, c.readError(base, &entryError{e.DN(), errTwice}))
					return
				}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// blocks is Entries without a look for entries that come twice.
func (c *Conn) blocks(ctx context.Context, base string, since int64) iter.Seq2[block, error] {
	return func(yield func(block, error) bool) {
		some := false
		var late error // after something was handed out, which cannot be taken back
		err := c.server.repeat(ctx, func() error {
			err := c.eachBlock(ctx, base, since, func(b block) bool {
				some = true
				return yield(b, nil)
			})
			if some {
				late, err = err, nil
			}
			return err
		})
		if err = cmp.Or(err, late); err != nil {
			yield(block{}, err)
		}
	}
}

// eachBlock hands out what a search finds until do says that it is enough.
func (c *Conn) eachBlock(ctx context.Context, base string, since int64, do func(block) bool) error {
	if err := ctx.Err(); err != nil {
		return c.readError(base, err)
	}
	release, err := c.hold(ctx) // the page marks are worth nothing on another connection
	if err != nil {
		return c.readError(base, err)
	}
	defer release()
	p := c.newPages(base, since)
	defer p.end(ctx)
	if err := p.read(ctx, do); err != nil {
		return c.readError(base, err)
	}
	return nil
}

// pages reads a search page by page (RFC 2696) until the server says that there
// is no more.
type pages struct {
	conn    *Conn
	request *ldap.SearchRequest
	paging  *ldap.ControlPaging
	search  *search
	asking  bool             // for a page whose result has not come
	results chan *pageResult // of one page at a time
	silence *time.Timer
	heard   uint64 // what the search had heard when the timer was set
}

type pageResult struct {
	result *ldap.SearchResult
	err    error
}

func (c *Conn) newPages(base string, since int64) *pages {
	p := c.server.Profile
	paging := ldap.NewControlPaging(uint32(c.server.PageSize))
	request := &ldap.SearchRequest{
		BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: p.filterSince(since), Attributes: p.attributes(),
		Controls: []ldap.Control{paging},
	}
	c.trace(request)
	s := newSearch(newNames(p), c.server.PageSize)
	c.stream.search.Store(s)
	return &pages{
		conn: c, request: request, paging: paging, search: s,
		results: make(chan *pageResult, 1), silence: time.NewTimer(c.server.ReadTimeout),
	}
}

// ask sends the request for a page. Its entries come as blocks, and after them
// its result.
func (p *pages) ask() {
	p.asking = true
	p.search.unsent.Store(true)
	go func() {
		result, err := p.conn.ldap.Search(p.request)
		p.search.heard.Add(1)
		p.results <- &pageResult{result, err}
	}()
}

// read asks for page after page, and for the next one before the entries of the
// last are dealt with. It ends without an error when yield says so.
func (p *pages) read(ctx context.Context, yield func(block) bool) error {
	p.ask()
	for {
		b, page, err := p.await(ctx)
		switch {
		case err != nil:
			return err
		case page != nil:
			if err = p.turn(page); err != nil {
				return err
			}
			if p.asking {
				continue
			}
			return p.rest(yield)
		case b.err != nil:
			return b.err
		case !yield(b):
			return nil
		}
	}
}

// rest deals with the blocks of the last page.
func (p *pages) rest(yield func(block) bool) error {
	for {
		select {
		case b := <-p.search.blocks:
			if b.err != nil || !yield(b) {
				return b.err
			}
		default:
			return nil
		}
	}
}

// turn looks at the result of a page and asks for the next one.
func (p *pages) turn(page *pageResult) error {
	p.asking = false
	if page.err != nil {
		if broken := p.conn.stream.broken.Load(); broken != nil {
			return *broken
		}
		if p.conn.ldap.IsClosing() {
			return lostError{page.err}
		}
		return page.err
	}
	answer, ok := ldap.FindControl(page.result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	switch {
	case !ok:
		return errNoPaging
	case len(answer.Cookie) == 0:
		return nil
	case bytes.Equal(answer.Cookie, p.paging.Cookie):
		return errSamePage
	}
	p.paging.SetCookie(answer.Cookie)
	p.ask()
	return nil
}

// await waits for a page's result or for a block, in this order when there are
// both, until ctx ends or the server is silent for too long.
func (p *pages) await(ctx context.Context) (block, *pageResult, error) {
	for {
		if err := ctx.Err(); err != nil {
			return block{}, nil, err
		}
		select {
		case page := <-p.results:
			return block{}, page, nil
		default:
		}
		select {
		case b := <-p.search.blocks:
			return b, nil, nil
		default:
		}
		select {
		case page := <-p.results:
			return block{}, page, nil
		case b := <-p.search.blocks:
			return b, nil, nil
		case <-ctx.Done():
		case <-p.silence.C:
			limit := p.conn.server.ReadTimeout
			heard := p.search.heard.Load()
			if heard == p.heard && !p.search.stuck.Load() {
				p.silence.Reset(0) // it stays silent for whoever waits again
				return block{}, nil, fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded)
			}
			p.heard = heard
			p.silence.Reset(limit)
		}
	}
}

// end waits for the result of a page under way, of which nothing is wanted any
// more, or closes the connection.
func (p *pages) end(ctx context.Context) {
	p.search.discard.Store(true)
	for p.asking {
		_, page, err := p.await(ctx)
		if err != nil {
			_ = p.conn.raw.Close() // there is no other way to end a request
			p.drain()
		}
		p.asking = page == nil && err == nil
	}
	p.silence.Stop()
	p.conn.stream.search.Store(nil)
}

// drain lets a request end whose connection was closed.
func (p *pages) drain() {
	for {
		select {
		case <-p.search.blocks:
		case <-p.results:
			return
		}
	}
}

// entryError is an entry that spoils the read.
type entryError struct {
	dn  string
	err error
}

func (e *entryError) Error() string { return fmt.Sprintf("entry %s: %v", quote(e.dn), e.err) }
func (e *entryError) Unwrap() error { return e.err }

var (
	errReferral = errors.New("the server answered with a referral")
	errNoPaging = errors.New("the server did not say whether there are more pages")
	errSamePage = errors.New("the server gave the same page mark twice")
	errTwice    = errors.New("it came twice")
)

// readError makes the error of a read that is not whole.
func (c *Conn) readError(base string, err error) *Error {
	e := c.fail(opSearch, base, err)
	var entry *entryError
	switch {
	case errors.Is(err, errTwice):
		e.Hint = "the directory changed while it was read, or the server is at fault; nothing was taken from this read, try again"
	case errors.As(err, &entry):
		e.Hint = "correct this entry; nothing was taken from this read"
	case errors.Is(err, errReferral):
		e.Hint = "part of this container is on another server; use containers that this server holds"
	case errors.Is(err, errNoPaging), errors.Is(err, errSamePage):
		e.Hint = "the read may not be whole, so nothing was taken from it; use a server that can page answers"
	}
	return e
}
