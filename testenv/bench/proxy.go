package main

import (
	"context"
	"io"
	"net"
	"sync/atomic"
)

// meter passes TCP connections on to a server and counts their bytes, in both
// directions.
type meter struct {
	listener net.Listener
	server   string
	bytes    atomic.Int64
}

// startMeter listens until the listener is closed. The server is host:port.
func startMeter(ctx context.Context, server string) (*meter, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{listener: listener, server: server}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go m.pass(ctx, client)
		}
	}()
	return m, nil
}

func (m *meter) url() string { return "ldap://" + m.listener.Addr().String() }

// pass copies both ways until one side closes.
func (m *meter) pass(ctx context.Context, client net.Conn) {
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", m.server)
	if err != nil {
		_ = client.Close() // the client tells
		return
	}
	go m.copy(server, client)
	m.copy(client, server)
}

func (m *meter) copy(to, from net.Conn) {
	// That a side went away is for the two ends to tell.
	_, _ = io.Copy(to, io.TeeReader(from, m))
	_ = to.Close()
}

// Write counts.
func (m *meter) Write(data []byte) (int, error) {
	m.bytes.Add(int64(len(data)))
	return len(data), nil
}

// count returns the bytes since the last count.
func (m *meter) count() int64 { return m.bytes.Swap(0) }
