package ldapsrc

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// lane is a connection of a Writer and what is sent over it.
type lane struct {
	writer *Writer
	room   int // how many groups it takes at the same time
	state  laneState

	conn   *Conn
	wire   *wire
	timer  *time.Timer
	tasks  []*task // under way here
	out    []byte  // requests to be sent
	losses int     // since the last answer
}

type laneState int

const (
	laneClosed laneState = iota
	laneOpening
	laneOpen
	laneGivenUp
)

// event is something that happened beside the Writer: one of these.
type event struct {
	wire   *wire // of an answer, a loss, or a new connection
	answer answer
	lost   error // the connection has ended

	opening *lane // it has a new connection, or an error
	conn    *Conn

	woken  *task // its pause is over
	looked *task // its entry was read: it is ours, or there is an error
	ours   bool

	err error
}

// tell hands an event to the Writer, or what it brought to the end.
func (w *Writer) tell(e event) {
	select {
	case w.events <- e:
	case <-w.closed:
		e.drop()
	}
}

// drop closes a connection that nobody takes.
func (e event) drop() {
	if e.conn != nil {
		_ = e.conn.Close() // nothing was sent over it
	}
}

// take puts a task on the lane, which is opened for it if need be.
func (l *lane) take(ctx context.Context, t *task) {
	t.lane = l
	l.tasks = append(l.tasks, t)
	switch l.state {
	case laneOpen:
		if t.pause == nil {
			l.send(t)
		}
	case laneClosed:
		l.open(ctx)
	case laneOpening, laneGivenUp:
	}
}

// open opens the connection; the event comes when it is open, or will not be.
func (l *lane) open(ctx context.Context) {
	l.state = laneOpening
	w, retry, old, pause := l.writer, l.writer.server.Retry, l.conn, l.losses-1
	l.conn, l.wire = nil, nil
	w.busy.Go(func() {
		if old != nil {
			_ = old.Close() // it is lost already
		}
		e := event{opening: l}
		if pause > 0 { // the last ones did not hold for long
			e.err = retry.wait(ctx, pause)
		}
		if e.err == nil {
			e.conn, e.wire, e.err = w.connect(ctx)
		}
		w.tell(e)
	})
}

// connect opens a connection that stays open until it is closed or lost.
func (w *Writer) connect(ctx context.Context) (c *Conn, shared *wire, err error) {
	begun := context.WithoutCancel(ctx) // what was begun is waited for
	err = w.server.repeat(ctx, func() (err error) {
		shared = &wire{tell: w.tell}
		if c, err = w.server.dial(begun, w.endpoint, shared); err == nil {
			_, err = c.hold(begun) // it is never idle for long
		}
		return err
	})
	return c, shared, err
}

// resume sends the tasks that wait for the connection, which is open now.
func (l *lane) resume() {
	l.state = laneOpen
	for _, t := range l.tasks {
		if t.pause == nil {
			l.send(t)
		}
	}
}

// send adds the first request of a task to those to be sent.
func (l *lane) send(t *task) {
	w := l.writer
	t.id = w.nextID
	if w.nextID++; w.nextID > 1<<31-1 { // the greatest one there is (RFC 4511 section 4.1.1)
		w.nextID = firstOwnID
	}
	l.out = w.coder.encode(l.out, t.id, t.request())
}

// flush sends the requests.
func (l *lane) flush() {
	if len(l.out) == 0 || l.state != laneOpen {
		return
	}
	l.watch()
	if _, err := l.conn.stream.Write(l.out); err != nil {
		l.end(err)
	}
	l.out = l.out[:0]
}

// watch ends the connection when nothing comes for the time that an answer may
// take.
func (l *lane) watch() {
	limit := l.conn.server.ReadTimeout
	if l.timer != nil {
		l.timer.Reset(limit)
		return
	}
	late := fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded)
	wire, conn := l.wire, l.conn
	l.timer = time.AfterFunc(limit, func() { end(wire, conn, late) })
}

// end ends the connection for a reason.
func (l *lane) end(cause error) { end(l.wire, l.conn, cause) }

func end(w *wire, c *Conn, cause error) {
	_ = w.because(cause)
	_ = c.raw.Close() // go-ldap's goroutine finds out
}

// answered finds the task that an answer is for.
func (l *lane) answered(id int64) *task {
	for _, t := range l.tasks {
		if t.id == id && t.pause == nil {
			l.losses = 0
			if l.awaits(t) {
				l.watch()
			} else {
				l.unwatch()
			}
			return t
		}
	}
	return nil
}

// awaits says whether there is an answer to come for another task than one that
// has its answer. Tasks that pause have asked nothing.
func (l *lane) awaits(answered *task) bool {
	return slices.ContainsFunc(l.tasks, func(t *task) bool { return t != answered && t.pause == nil })
}

// leave takes a task off the lane.
func (l *lane) leave(t *task) {
	for i, other := range l.tasks {
		if other == t {
			l.tasks = append(l.tasks[:i], l.tasks[i+1:]...)
			return
		}
	}
}

func (l *lane) unwatch() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// trace tells what is tried again.
func (w *Writer) trace(err error, repetition int) {
	if w.server.Trace != nil {
		w.server.Trace(fmt.Sprintf("# %v; trying again, %d of %d", err, repetition, w.server.Retry.Times))
	}
}
