package postoffice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Output is what a faulty run leaves of its output.
type Output string

// The ways in which output goes wrong.
const (
	EmptyOutput     Output = "empty"     // a file of no bytes
	TruncatedOutput Output = "truncated" // half of it, cut within a line
	MissingOutput   Output = "missing"   // no file; for IMPORT, nothing imported
)

// hangLimit ends a hanging run that nobody killed.
const hangLimit = 10 * time.Minute

// Fault is a failure to come. A post office keeps a queue of them; a run uses
// up one turn of the first that fits, after name and password were found right.
type Fault struct {
	Program string   `json:"program"`          // export or import
	Task    Task     `json:"task,omitempty"`   // empty: any
	Code    int      `json:"code,omitempty"`   // result code to end with
	After   int      `json:"after,omitempty"`  // with Code: records that IMPORT still takes, and keeps
	Output  Output   `json:"output,omitempty"` // with the given code, 0 included
	Refuse  []string `json:"refuse,omitempty"` // names that IMPORT refuses
	Hang    bool     `json:"hang,omitempty"`   // wait until killed, ten minutes at most
	Times   int      `json:"times"`            // runs it is good for
}

// AddFault puts a fault at the end of the queue.
func (po *PostOffice) AddFault(f Fault) error {
	_, outputs := f.Output.apply(nil)
	switch {
	case f.Program != exportProgram && f.Program != importProgram:
		return fmt.Errorf("fault: program %q is neither %s nor %s", f.Program, exportProgram, importProgram)
	case f.Task != "" && !slices.Contains(tasks(f.Program), f.Task):
		return fmt.Errorf("fault: %s has no task %q; choose one of %q", f.Program, f.Task, tasks(f.Program))
	case f.Output != "" && !outputs:
		return fmt.Errorf("fault: output %q is not known; choose %s, %s or %s",
			f.Output, EmptyOutput, TruncatedOutput, MissingOutput)
	case f.Program == importProgram && f.Output != "" && f.Output != MissingOutput:
		return fmt.Errorf("fault: import has no output to be %s; choose %s", f.Output, MissingOutput)
	case f.Program == exportProgram && len(f.Refuse) > 0:
		return fmt.Errorf("fault: only %s can refuse names", importProgram)
	case f.Times < 1 || f.Code < 0 || f.After < 0:
		return fmt.Errorf("fault: times must be 1 or more, code and after 0 or more")
	}
	po.faults = append(po.faults, f)
	return nil
}

// ClearFaults empties the queue.
func (po *PostOffice) ClearFaults() { po.faults = nil }

// takeFault uses up one turn of the first fault that fits.
func (po *PostOffice) takeFault(program string, t Task) (Fault, bool) {
	for i, f := range po.faults {
		if f.Program != program || f.Task != "" && f.Task != t {
			continue
		}
		po.faults[i].Times--
		if po.faults[i].Times <= 0 {
			po.faults = slices.Delete(po.faults, i, i+1)
		}
		return f, true
	}
	return Fault{}, false
}

// refuses reports whether the fault names an entry.
func (f Fault) refuses(name string) bool {
	return slices.ContainsFunc(f.Refuse, func(n string) bool { return fold(n) == fold(name) })
}

// apply returns what is left of data, and whether o is a way to go wrong at
// all.
func (o Output) apply(data []byte) ([]byte, bool) {
	switch o {
	case EmptyOutput, MissingOutput:
		return nil, true
	case TruncatedOutput:
		return []byte(strings.TrimRight(string(data[:len(data)/2]), "\r\n")), true
	}
	return data, false
}
