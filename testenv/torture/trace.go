package torture

import "errors"

// Moment tells whether a point is the one to kill at. It is asked at each, in
// their order, until it says yes.
type Moment func(p Point) bool

// Never lets a program come to its end.
func Never(Point) bool { return false }

// At is the point of this number, counted from 1.
func At(number int) Moment {
	return func(Point) bool {
		number--
		return number == 0
	}
}

// Started is the moment when so many other programs have been started, counted
// from 1, however many other points there are.
func Started(number int) Moment {
	return func(p Point) bool {
		if p.After && p.Where == program {
			number--
			return number == 0
		}
		return false
	}
}

// program is where a point is that starts one.
const program = "program"

// ErrNoTrace is found by errors.Is when programs cannot be traced here: the
// system has no ptrace of the kind that is needed, or forbids it.
var ErrNoTrace = errors.New("programs cannot be traced here")
