package torture

// oldCalls are system calls that younger architectures, such as this one, no
// longer have.
func oldCalls() map[uint64]call { return nil }
