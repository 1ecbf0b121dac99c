package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// finding is one number with its bound, measured several times.
type finding struct {
	what    string
	unit    string    // behind each number; empty for ratios
	bound   float64   // 0 for none
	atLeast bool      // the bound is the least that will do, not the most
	values  []float64 // one of each pair
}

// account is what the runs of one kind cost.
type account struct {
	what string
	runs []usage
}

// results are what the rows found.
type results struct {
	findings []finding
	accounts []account
}

func (r *results) add(f ...finding) { r.findings = append(r.findings, f...) }

// account notes the costs of both kinds of runs.
func (r *results) account(ours, theirs string, pairs []pair) {
	a, b := account{what: ours}, account{what: theirs}
	for _, p := range pairs {
		a.runs, b.runs = append(a.runs, p.ours), append(b.runs, p.theirs)
	}
	r.accounts = append(r.accounts, a, b)
}

func (f finding) met() string {
	switch {
	case f.bound == 0:
		return ""
	case f.atLeast && median(f.values) >= f.bound, !f.atLeast && median(f.values) <= f.bound:
		return "met"
	}
	return "missed"
}

func (f finding) limit() string {
	switch {
	case f.bound == 0:
		return ""
	case f.atLeast:
		return "at least " + f.number(f.bound)
	}
	return "at most " + f.number(f.bound)
}

func (f finding) number(n float64) string {
	text := strconv.FormatFloat(n, 'f', 2, 64)
	if f.unit != "" {
		text = strconv.FormatFloat(n, 'f', 1, 64) + " " + f.unit
	}
	return text
}

// median is the one in the middle, the greater of two.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// print writes the tables in Markdown.
func (r *results) print(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| what | bound | median | least to most | pairs | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, f := range r.findings {
		middle, spread := "", ""
		if len(f.values) > 0 {
			middle = f.number(median(f.values))
			spread = f.number(slices.Min(f.values)) + " to " + f.number(slices.Max(f.values))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %s |\n", f.what, f.limit(), middle, spread, len(f.values), f.met())
	}
	b.WriteString("\n| run, medians | wall time | CPU time | peak memory |\n| --- | --- | --- | --- |\n")
	for _, a := range r.accounts {
		of := func(number func(usage) float64) float64 {
			values := make([]float64, len(a.runs))
			for i, u := range a.runs {
				values[i] = number(u)
			}
			return median(values)
		}
		fmt.Fprintf(&b, "| %s | %.2f s | %.2f s | %.0f MB |\n", a.what,
			of(func(u usage) float64 { return u.wall.Seconds() }), of(func(u usage) float64 { return u.cpu.Seconds() }),
			of(func(u usage) float64 { return float64(u.peak) / 1e6 }))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// stepTook finds how long a step of a cycle took in what ccdirsync told.
func stepTook(told string, number int) (time.Duration, error) {
	for line := range strings.Lines(told) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, '(')
		if !strings.HasPrefix(line, fmt.Sprintf("hq %2d/10 ", number)) || i < 0 {
			continue
		}
		return time.ParseDuration(strings.TrimSuffix(line[i+1:], ")"))
	}
	return 0, fmt.Errorf("step %d is not in what the run told: %s", number, lastPart(told))
}
