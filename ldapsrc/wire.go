package ldapsrc

import (
	"fmt"
	"sync"
)

// firstOwnID is the first message ID of the requests that a [Writer] sends by
// itself, beside those of go-ldap, which counts from 1 on.
const firstOwnID = 1 << 30

// wire is what a Writer has on a connection: it is given the answers to its
// requests, and hears of the end. go-ldap, whose goroutine reads, stays in charge
// of everything else: the bind, searches, the farewell.
type wire struct {
	tell func(event) // called from go-ldap's goroutine

	mu    sync.Mutex
	cause error // why the connection has ended
}

// take reads an answer.
func (w *wire) take(message []byte, h header) error {
	a, err := parseAnswer(message, h)
	if err == nil {
		w.tell(event{wire: w, answer: a})
	}
	return err
}

// lose tells that nothing more can be read.
func (w *wire) lose(err error) {
	w.tell(event{wire: w, lost: w.because(fmt.Errorf("%w: %w", errLost, err))})
}

// ended returns why the connection is at its end, nil while it is not.
func (w *wire) ended() error { return w.because(nil) }

// because keeps the first cause of the end and returns it.
func (w *wire) because(cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause == nil {
		w.cause = cause
	}
	return w.cause
}
