package torture

import "errors"

// ErrNoDisks is found by errors.Is when disks cannot be mounted here, which
// takes Linux and the rights of root.
var ErrNoDisks = errors.New("disks cannot be mounted here")

// PageSize is the smallest piece of a small disk, in bytes.
const PageSize = 4096
