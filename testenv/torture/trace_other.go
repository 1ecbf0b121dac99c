//go:build unix && !(linux && (amd64 || arm64))

package torture

import (
	"fmt"
	"runtime"
)

// Trace needs Linux on amd64 or arm64.
func (p Program) Trace(Moment, Whom) (End, error) {
	return End{}, fmt.Errorf("%w: this is %s on %s", ErrNoTrace, runtime.GOOS, runtime.GOARCH)
}
