package postoffice

import (
	"fmt"
	"os"
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
	CutOutput       Output = "cut"       // the first Fault.Keep bytes of it
)

// hangLimit ends a hanging run that nobody killed.
const hangLimit = 10 * time.Minute

// Fault is a failure to come. A post office keeps a queue of them; a run uses
// up one turn of the first that fits, after name and password were found right.
type Fault struct {
	Program string   `json:"program"`          // export or import
	Task    Task     `json:"task,omitempty"`   // empty: any
	Code    int      `json:"code,omitempty"`   // result code to end with
	After   int      `json:"after,omitempty"`  // with Code or Die: records that IMPORT still takes, and keeps
	Output  Output   `json:"output,omitempty"` // with the given code, 0 included
	Keep    int      `json:"keep,omitempty"`   // bytes that CutOutput leaves
	Refuse  []string `json:"refuse,omitempty"` // names that IMPORT refuses
	Hang    bool     `json:"hang,omitempty"`   // wait until killed, ten minutes at most
	Die     bool     `json:"die,omitempty"`    // end as if killed, after the output is written or the records are taken
	Times   int      `json:"times"`            // runs it is good for
}

// AddFault puts a fault at the end of the queue.
func (po *PostOffice) AddFault(f Fault) error {
	switch {
	case f.Program != exportProgram && f.Program != importProgram:
		return fmt.Errorf("fault: program %q is neither %s nor %s", f.Program, exportProgram, importProgram)
	case f.Task != "" && !slices.Contains(tasks(f.Program), f.Task):
		return fmt.Errorf("fault: %s has no task %q; choose one of %q", f.Program, f.Task, tasks(f.Program))
	case f.Program == exportProgram && len(f.Refuse) > 0:
		return fmt.Errorf("fault: only %s can refuse names", importProgram)
	case f.Times < 1 || f.Code < 0 || f.After < 0 || f.Keep < 0:
		return fmt.Errorf("fault: times must be 1 or more, code, after and keep 0 or more")
	}
	if err := f.checkOutput(); err != nil {
		return err
	}
	po.faults = append(po.faults, f)
	return nil
}

func (f Fault) checkOutput() error {
	_, known := f.apply(nil)
	switch {
	case f.Output != "" && !known:
		return fmt.Errorf("fault: output %q is not known; choose %s, %s, %s or %s",
			f.Output, EmptyOutput, TruncatedOutput, MissingOutput, CutOutput)
	case f.Program == importProgram && f.Output != "" && f.Output != MissingOutput:
		return fmt.Errorf("fault: import has no output to be %s; choose %s", f.Output, MissingOutput)
	case f.Keep != 0 && f.Output != CutOutput:
		return fmt.Errorf("fault: keep is for output %s only", CutOutput)
	}
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

// strike ends this process if the fault asks for that.
func (f Fault) strike() error {
	if !f.Die {
		return nil
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	return fmt.Errorf("die by request: still alive: %w", err)
}

// refuses reports whether the fault names an entry.
func (f Fault) refuses(name string) bool {
	return slices.ContainsFunc(f.Refuse, func(n string) bool { return fold(n) == fold(name) })
}

// apply returns what is left of data, and whether the output is a way to go
// wrong at all.
func (f Fault) apply(data []byte) ([]byte, bool) {
	switch f.Output {
	case CutOutput:
		return data[:min(f.Keep, len(data))], true
	case EmptyOutput, MissingOutput:
		return nil, true
	case TruncatedOutput:
		return []byte(strings.TrimRight(string(data[:len(data)/2]), "\r\n")), true
	}
	return data, false
}
