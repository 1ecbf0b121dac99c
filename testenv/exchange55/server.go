package exchange55

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/glauth/ldap"
)

// DefaultSizeLimit is how many entries a search returns without paging
// (documented: K243786).
const DefaultSizeLimit = 100

// Options is how a directory starts.
type Options struct {
	Listen   string // host:port; empty is a free port of 127.0.0.1
	LDIF     []byte // the entries, as content records, parents first
	LDIFName string // for messages; empty is "seed.ldif"
	Accounts []Account
	// SizeLimit is the most entries in one answer or page; 0 is
	// DefaultSizeLimit, a negative number no limit.
	SizeLimit   int
	QuotedNames bool        // write names with RFC 1779 quotes instead of backslashes
	TLS         *tls.Config // serve LDAP over TLS (ldaps); 5.5 has no StartTLS
	// Clock dates the entries; nil is a clock that stands still, so that what
	// Dump returns depends on nothing but the requests.
	Clock func() time.Time
}

// Account is one NT account that may bind.
type Account struct {
	Domain, Name, Password string
	AdminView              bool // sees hidden and deleted objects when its bind name ends in cn=admin
	Write                  bool // may add, modify and delete
}

// Directory is a running server.
type Directory struct {
	store     *store
	accounts  []Account
	sizeLimit int
	url       string
	faults    faultState

	writesMu sync.Mutex
	writes   []Write

	listener *listener
	server   *ldap.Server
	served   chan error
	closing  sync.Once
	closeErr error
}

// Start loads the entries and serves them until Close. The error of a bad
// LDIF file names every bad record with file, line and column.
func Start(o Options) (*Directory, error) {
	d, err := load(o)
	if err != nil {
		return nil, err
	}
	address := o.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	inner, err := net.Listen("tcp", address) //nolint:noctx // it lives until Close, not as long as some context
	if err != nil {
		return nil, fmt.Errorf("start the directory on %s: %w", address, err)
	}
	d.url = "ldap://" + inner.Addr().String()
	if o.TLS != nil {
		d.url = "ldaps://" + inner.Addr().String()
		inner = tls.NewListener(inner, o.TLS)
	}
	d.serve(inner)
	return d, nil
}

// serve answers the clients that the listener accepts, until Close.
func (d *Directory) serve(inner net.Listener) {
	d.listener = newListener(inner)
	d.server = newServer(d)
	d.served = make(chan error, 1)
	go func() { d.served <- d.server.Serve(d.listener) }()
}

// load builds a directory that is not yet served.
func load(o Options) (*Directory, error) {
	clock := o.Clock
	if clock == nil {
		clock = func() time.Time { return time.Date(1998, time.June, 1, 0, 0, 0, 0, time.UTC) }
	}
	style := backslashStyle
	if o.QuotedNames {
		style = quotedStyle
	}
	d := &Directory{store: newStore(clock, style), accounts: o.Accounts, sizeLimit: o.SizeLimit}
	switch {
	case o.SizeLimit == 0:
		d.sizeLimit = DefaultSizeLimit
	case o.SizeLimit < 0:
		d.sizeLimit = 0
	}
	name := o.LDIFName
	if name == "" {
		name = "seed.ldif"
	}
	records, err := ReadLDIF(bytes.NewReader(o.LDIF), name)
	if err != nil {
		return nil, err
	}
	if err := d.store.load(records); err != nil {
		return nil, err
	}
	return d, nil
}

func newServer(d *Directory) *ldap.Server {
	server := ldap.NewServer()
	b := backend{directory: d}
	server.BindFunc("", b)
	server.SearchFunc("", b)
	server.AddFunc("", b)
	server.ModifyFunc("", b)
	server.DeleteFunc("", b)
	server.ModifyDNFunc("", b)
	server.CompareFunc("", b)
	server.ExtendedFunc("", b)
	server.CloseFunc("", b)
	return server
}

// URL is where the directory listens, such as ldap://127.0.0.1:40001.
func (d *Directory) URL() string { return d.url }

// Writes is the number of write operations served with success since the
// start.
func (d *Directory) Writes() int64 {
	d.writesMu.Lock()
	defer d.writesMu.Unlock()
	return int64(len(d.writes))
}

// Write is a write operation that was served with success.
type Write struct {
	Type ChangeType
	DN   string // as the client wrote it
}

// Written are the write operations that Writes counts, in their order.
func (d *Directory) Written() []Write {
	d.writesMu.Lock()
	defer d.writesMu.Unlock()
	return slices.Clone(d.writes)
}

func (d *Directory) noteWrite(record ChangeRecord) {
	d.writesMu.Lock()
	defer d.writesMu.Unlock()
	d.writes = append(d.writes, Write{Type: record.Type, DN: record.DN})
}

// AwaitClients returns when no client is connected. What a program that died
// had sent has then been carried out.
func (d *Directory) AwaitClients() { d.listener.awaitClients() }

// Close ends the server and the connections of its clients, and returns when
// all their goroutines are done. A second call does nothing.
func (d *Directory) Close() error {
	d.closing.Do(func() {
		d.closeErr = d.listener.Close()
		<-d.listener.drained // from here on the library accepts no more
		d.server.Close()
		if err := <-d.served; d.closeErr == nil {
			d.closeErr = err
		}
		d.listener.hangUp()
		d.listener.busy.Wait()
	})
	return d.closeErr
}

// Apply makes changes in the directory as Exchange's own programs do: system
// attributes may be set and no length is checked. It stops at the first
// record that is refused. The changes are not counted by Writes.
func (d *Directory) Apply(changes []ChangeRecord) error {
	for _, record := range changes {
		if r := d.store.apply(record, writer{view: adminView, exchange: true}); r != nil {
			return fmt.Errorf("apply the change of %s: %w", record.DN, r)
		}
	}
	return nil
}

// PurgeTombstones removes all tombstones, as the server does with those of
// thirty days, and raises USN-Last-Obj-Rem of the sites.
func (d *Directory) PurgeTombstones() { d.store.purge() }

// FallBack sets the highest USN back, as the restore of a backup does
// (documented: K201414). Entries keep their own.
func (d *Directory) FallBack(usn int64) {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	d.store.usn = usn
}
