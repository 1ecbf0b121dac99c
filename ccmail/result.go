package ccmail

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ProgramError is a run of EXPORT or IMPORT that did not do what it should.
// The password is *** in all of it.
type ProgramError struct {
	Program string   // EXPORT or IMPORT
	What    string   // what it was to do, such as `the directory to "/x/CCMDIR.EXP"`
	Command []string // as it was started
	Code    int      // its result code, -1 when it gave none
	Event   int      // the number of the original connector's event
	Meaning string   // what happened
	Advice  string   // what to do next
	Output  string   // what it wrote to its console, with LF line ends
	Err     error    // the cause, when there is one below the result code
}

func (e *ProgramError) Error() string {
	text := e.Program + " of " + e.What + " " + e.Meaning
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	if len(e.Command) > 0 {
		text += "; command: " + showCommand(e.Command)
	}
	if said := lastLines(e.Output); said != "" {
		text += "; it said: " + said
	}
	return text
}

func (e *ProgramError) Unwrap() error { return e.Err }

// The programs.
const (
	programExport = "EXPORT"
	programImport = "IMPORT"
)

// The events of the original connector for runs of the programs (connector's
// knowledge base): one for each program and result code, counted from a base,
// and those for a program that gave no result code.
const (
	exportEvents = 67 // 67 68 70 71 DOC, 69 72 INF
	importEvents = 58 // 58 59 63 DOC, 60 61 62 INF

	eventNotFound        = 43 // DOC, Q294947
	eventExportNotRun    = 65 // DOC, Q190275
	eventImportNotRun    = 59 // OURS: DOC for a program that did not complete
	codeSomeRefused      = 5  // DOC for IMPORT, Q180641
	noCode               = -1
	timeLimitHint        = "see whether it waits for a key or a lock, or raise the timeout of the post office"
	longestOutputMessage = 10
)

// event returns the number of the original connector's event for a result
// code of EXPORT or IMPORT, 0 to 5, or for a run without such a code.
func event(program string, code int) int {
	known := code >= 0 && code <= codeSomeRefused
	switch {
	case program == programExport && known:
		return exportEvents + code
	case program == programExport:
		return eventExportNotRun
	case known:
		return importEvents + code
	default:
		return eventImportNotRun
	}
}

// explain returns what a result code other than 0 means and what to do about
// it. Codes 1, 3 and 4 are DOC for EXPORT, 1 and 5 for IMPORT, the others INF.
func explain(program string, code int) (meaning, advice string) {
	switch code {
	case 1:
		meaning = "could not access the post office"
		if program == programImport {
			meaning = "did not complete"
		}
		advice = "check that the program's version suits the post office (DB6 or DB8), that IE.RI is beside the program" +
			" and that it may read and write the post office's folder"
	case 2:
		meaning, advice = "was given bad parameters", "check the switches in the configured command"
	case 3:
		meaning = "is not configured correctly or cannot reach the post office"
		advice = "check the name, the password and the path of the post office"
	case 4:
		meaning = "found the post office locked or shut down"
		advice = "run again later; if that does not help, look for a file CCPODOWN in the post office's folder"
	case codeSomeRefused:
		if program == programExport {
			return "ended with result code 5, which is documented for IMPORT only", "see what it said"
		}
		meaning, advice = "refused some entries", "read the .UND file beside the file"
	default:
		return fmt.Sprintf("ended with the unknown result code %d", code), "see what it said"
	}
	return fmt.Sprintf("ended with result code %d: it %s", code, meaning), advice
}

func showCommand(args []string) string {
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\"'\\\n") {
			shown[i] = strconv.Quote(arg)
		}
	}
	return strings.Join(shown, " ")
}

// lastLines returns the last lines of output in one line, for a message.
func lastLines(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-longestOutputMessage):], " | ")
}

// showDuration returns d as people write it: 10m, not 10m0s.
func showDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
