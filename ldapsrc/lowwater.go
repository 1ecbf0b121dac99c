package ldapsrc

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// lowWater keeps the system from waking this process for every entry. A server
// sends entries one by one, often as slowly as they are read, and a Go process
// that waits for the network is woken at the cost of several entries. Within a
// page that is known to bring more, the system is told to wake it only when what
// is surely to come is there.
type lowWater struct {
	conn   net.Conn
	socket syscall.RawConn
	at     int // what the system was told, in bytes
	timer  *time.Timer
}

// lowWaterPatience is how long less than what was expected may lie there.
const lowWaterPatience = 5 * time.Millisecond

// maxLowWater is the most that is waited for, in bytes; the server's window must
// never be shut for it.
const maxLowWater = 32 << 10

// newLowWater returns nil where there is no such thing: below TLS, where what is
// sent is not what comes, and on systems other than Linux.
func newLowWater(conn net.Conn) *lowWater {
	tcp, is := conn.(*net.TCPConn)
	if !is {
		return nil
	}
	socket, err := tcp.SyscallConn()
	if err != nil || setLowWater(socket, 1) != nil {
		return nil
	}
	w := &lowWater{conn: conn, socket: socket, at: 1}
	w.timer = time.AfterFunc(lowWaterPatience, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	w.timer.Stop()
	return w
}

// read reads what is there. When that is nothing, it waits until there are so
// many bytes, or less has come and nothing more does.
func (w *lowWater) read(p []byte, bytes int) (int, error) {
	w.tell(bytes)
	if bytes > 1 {
		w.timer.Reset(lowWaterPatience)
		defer w.timer.Stop()
	}
	for {
		n, err := w.conn.Read(p)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		// The timer went off, perhaps that of the read before. Nothing else
		// sets a deadline.
		if err = w.conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, err
		}
		w.tell(1)
	}
}

func (w *lowWater) tell(bytes int) {
	if bytes = max(1, min(bytes, maxLowWater)); bytes != w.at && setLowWater(w.socket, bytes) == nil {
		w.at = bytes
	}
}
