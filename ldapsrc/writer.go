package ldapsrc

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
)

// How many groups a Writer has under way when its Server does not say.
const defaultWritesInFlight = 8

// Group is changes that belong together. They are sent in their order, each
// after the answer to the one before, and the first that fails ends the group:
// that of an entry and of its members, or the two requests of a swap.
//
// Groups are sent at the same time, so two of them that write the same entry, or
// of which one takes a name or an address that the other gives up, must say so.
type Group struct {
	Changes []Change
	// Needs are the places of earlier groups that must be done before this one
	// is sent. When one of them is not, the group is not sent either.
	Needs []int
}

// Result is what became of a group.
type Result struct {
	Group int // its place
	// Err is nil when all of it is done: the server carried it out, or it was
	// so already. It is an [*UnmetError] when the group was not sent for that
	// of another one, and else an [*Error]. One with Code 0 has no answer;
	// whether the server carried the change out is not known then.
	Err error
}

// UnmetError says that a group was not sent, because one that it needs was not
// done.
type UnmetError struct {
	Group int // the place of the one that it needs
}

func (e *UnmetError) Error() string { return "it needs another change that was not made" }

// Writer sends changes, several at a time. It has connections of its own, to the
// server of the connection that it was made from, and opens them when it needs
// them. Close it at the end. It is not for several goroutines.
type Writer struct {
	server   Server
	endpoint endpoint
	lanes    []*lane
	window   int        // how many groups may be under way
	events   chan event // from the goroutines of the connections
	closed   chan struct{}
	busy     sync.WaitGroup // goroutines that open connections or read entries
	nextID   int64
	coder    encoder
	made     int  // changes
	hopeless bool // to wait for a busy server; see wait
}

// Writer makes a Writer. Server.Connections says how many connections it opens
// at most, and Server.WritesInFlight how many groups are under way at the same
// time over all of them. Server.Retry says how often a change is sent again when
// the server is busy or unavailable (51, 52), and how often when its answer was
// lost with the connection.
func (c *Conn) Writer() *Writer {
	s := c.server
	w := &Writer{server: s, endpoint: c.endpoint, nextID: firstOwnID, closed: make(chan struct{})}
	w.window = cmp.Or(max(s.WritesInFlight, 0), defaultWritesInFlight)
	lanes := min(max(s.Connections, 1), w.window)
	share := (w.window + lanes - 1) / lanes
	for range lanes {
		w.lanes = append(w.lanes, &lane{writer: w, room: share})
	}
	// A change has one event under way, and so has a connection.
	w.events = make(chan event, w.window+2*lanes)
	return w
}

// Close ends the connections.
func (w *Writer) Close() error {
	close(w.closed)
	w.busy.Wait()
	for len(w.events) > 0 {
		e := <-w.events
		e.drop()
	}
	var all error
	for _, l := range w.lanes {
		if l.conn != nil {
			all = errors.Join(all, l.conn.Close())
		}
	}
	return all
}

// Write sends groups and returns what became of them, as it comes: each time
// several results, in the order of the groups. As long as the loop over them is at
// work, nothing more is sent, and no more groups than may be in flight are ever
// sent and not yet told of.
//
// A group is sent when its turn comes: after those before it, but for what they
// wait for. It waits for those that it needs.
//
// When ctx ends, groups under way are finished and no more are sent; what was
// not sent has no result, and the error, which comes last and without results,
// is that of ctx. So it is when the server is lost; the error says so then, and
// of the groups under way it is not known what became of them. Ending the loop
// early ends the sending in the same way.
//
// A connection that is lost is opened again, and requests whose answers were
// lost are sent once more, which finds out what became of them: a replacement
// comes out the same, an entry to be deleted is gone, and one to be added is
// there with our mark and our key. What else is called done without having been
// carried out is what is so already: the deletion of an entry or of a value
// that is not there, and the addition of a value that is.
func (w *Writer) Write(ctx context.Context, groups []Group) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		s := &sending{
			writer: w, groups: groups, done: make([]bool, len(groups)), settled: make([]bool, len(groups)),
			waiting: map[int][]int{}, ctx: ctx, work: context.WithoutCancel(ctx), stop: ctx.Done(),
		}
		for _, l := range w.lanes {
			if l.losses = 0; l.state == laneGivenUp {
				l.state = laneClosed
			}
		}
		for s.advance() {
			if s.due() && !yield(s.batch(), nil) {
				s.abandon()
				return
			}
		}
		if err := s.ended(); err != nil {
			yield(nil, err)
		}
	}
}

// sending is a Write under way. Everything happens in the goroutine of the
// caller; the connections tell it what came.
type sending struct {
	writer *Writer
	ctx    context.Context
	work   context.Context // of what was begun, whoever interrupts
	stop   <-chan struct{} // closed when no more is to be sent; nil when that is known

	groups   []Group
	next     int           // the first group that had not its turn
	waiting  map[int][]int // groups that wait, by the group that they need
	ready    []int         // groups that waited and wait no more
	settled  []bool        // groups that have a result
	done     []bool
	underWay []*task
	results  []Result

	stopped bool
	lost    error // why the server cannot be reached any more
}

// advance sends what may be sent and waits until something has come of it. It
// returns false when nothing is under way and nothing can be sent.
func (s *sending) advance() bool {
	s.fill()
	for _, l := range s.writer.lanes {
		l.flush()
	}
	if s.due() {
		s.drain()
		return true
	}
	if len(s.underWay) == 0 {
		return false
	}
	select {
	case e := <-s.writer.events:
		s.handle(e)
	case <-s.stop:
		s.interrupt()
	}
	s.drain()
	return true
}

// due reports whether results are to be handed over: half as many as may be in
// flight, so that the server has enough to do meanwhile, or all that there are.
func (s *sending) due() bool {
	n := len(s.results)
	return n > 0 && (2*n >= s.writer.window || len(s.underWay) == 0)
}

// drain handles what else has come.
func (s *sending) drain() {
	for {
		select {
		case e := <-s.writer.events:
			s.handle(e)
		default:
			return
		}
	}
}

// fill begins groups until as many as may be are under way, or have a result that
// nobody knows yet.
func (s *sending) fill() {
	if s.ctx.Err() != nil && !s.stopped {
		s.interrupt()
	}
	for !s.stopped && s.lost == nil && len(s.underWay)+len(s.results) < s.writer.window {
		group, found := s.nextGroup()
		if !found {
			return
		}
		s.begin(group)
	}
}

// nextGroup is the next group that may be sent.
func (s *sending) nextGroup() (group int, found bool) {
	for {
		switch {
		case len(s.ready) > 0:
			group, s.ready = s.ready[0], s.ready[1:]
		case s.next < len(s.groups):
			group = s.next
			s.next++
		default:
			return 0, false
		}
		if s.mayBeSent(group) {
			return group, true
		}
	}
}

// mayBeSent reports whether all that a group needs is done. If not, the group
// waits, or has its result.
func (s *sending) mayBeSent(group int) bool {
	for _, needed := range s.groups[group].Needs {
		switch {
		case needed >= group || s.settled[needed] && !s.done[needed]:
			s.settle(group, &UnmetError{Group: needed})
			return false
		case !s.settled[needed]:
			s.waiting[needed] = append(s.waiting[needed], group)
			return false
		}
	}
	return true
}

// settle notes the result of a group and lets those go on that wait for it.
func (s *sending) settle(group int, err error) {
	s.settled[group], s.done[group] = true, err == nil
	s.results = append(s.results, Result{Group: group, Err: err})
	s.ready = append(s.ready, s.waiting[group]...)
	delete(s.waiting, group)
}

// batch takes the results that have come, in the order of the groups.
func (s *sending) batch() []Result {
	batch := s.results
	s.results = nil
	slices.SortFunc(batch, func(a, b Result) int { return cmp.Compare(a.Group, b.Group) })
	return batch
}

// interrupt sees to it that no more groups are sent. Those that wait because
// the server was busy are not tried again.
func (s *sending) interrupt() {
	s.stopped, s.stop = true, nil
	for _, t := range slices.Clone(s.underWay) {
		if t.pause != nil && t.pause.Stop() {
			s.finish(t, t.busy)
		}
	}
}

// abandon waits for what is under way, of which nobody wants to know.
func (s *sending) abandon() {
	s.interrupt()
	for s.advance() {
		s.results = nil
	}
}

// ended says why not everything was sent.
func (s *sending) ended() error {
	switch {
	case s.lost != nil:
		return s.lost
	case s.stopped:
		return context.Cause(s.ctx)
	}
	return nil
}
