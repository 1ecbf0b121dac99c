// Package torture takes programs and disks away at the worst moments, so that
// tests can look at what is left behind.
//
// # Killing
//
// [Program.Trace] runs a program under ptrace and finds the points where it
// writes, with no failpoint in its code: it counts the system calls that write,
// make, rename, remove, cut, lock or sync a file in given folders, that write to
// a socket, and that start a program. The program can be killed with SIGKILL
// at any of them, before the call takes place, and, where data is written or a
// program started, also after it. What the runtime does for itself, such as
// writes to pipes and event counters, does not count. The number of points
// differs a little from run to run when goroutines race; a point that a run
// does not reach lets it come to its end.
//
// [Program.KillAfter] needs no ptrace: it kills after a time.
//
// A program dies alone, and what it started lives on, or everything dies that
// it started, as when a machine stops. Either way [End.Wait] tells when nobody
// is left.
//
// # Disks
//
// [Private] gives a test mounts that nobody else sees; [SmallDisk] and
// [ReadOnly] make them, and [Disk] leaves exactly as much room as asked for.
package torture
