package torture

import "errors"

// ErrNoTrace is found by errors.Is when programs cannot be traced here: the
// system has no ptrace of the kind that is needed, or forbids it.
var ErrNoTrace = errors.New("programs cannot be traced here")
