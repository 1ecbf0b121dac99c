package cycle

import (
	"ccdirsync/reconcile"
)

// openCases are the entries that the run leaves open: refused, held, or not
// written. It is never nil, since no open case is news too.
func (r *run) openCases() []reconcile.OpenCase {
	open := []reconcile.OpenCase{}
	for _, side := range r.directions() {
		for _, s := range side.steps {
			reason := s.Reason
			switch {
			case s.Op == reconcile.Refuse, s.Op == reconcile.Hold:
			case s.Outcome == reconcile.Failed, s.Outcome == reconcile.Held:
				reason = s.Error
			default:
				continue
			}
			open = append(open, reconcile.OpenCase{
				Direction: side.direction, Op: s.Op, Kind: s.Kind, Key: s.Key,
				Name: s.Name, Address: s.Address, DN: s.DN, Reason: reason,
			})
		}
	}
	return open
}
