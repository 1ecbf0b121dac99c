package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Plan is what one cycle would do.
type Plan struct {
	Connector  string  `json:"connector"`
	ID         string  `json:"plan_id"`
	Counts     Counts  `json:"counts"`
	ToCCMail   []Step  `json:"to_ccmail"`
	ToExchange []Step  `json:"to_exchange"`
	Guards     []Guard `json:"guards"`
}

// Counts are what a cycle read and what its plan holds.
type Counts struct {
	DirectoryEntries int        `json:"directory_entries"` // in the post office directory
	ExchangeEntries  int        `json:"exchange_entries"`  // of these, rows of ours
	CCMailEntries    int        `json:"ccmail_entries"`    // of these, cc:Mail's own
	Lists            int        `json:"lists"`
	Boards           int        `json:"boards"`
	Recipients       int        `json:"recipients"` // in the Exchange directory
	NotOurs          int        `json:"not_ours"`   // custom recipients of the import container without our mark
	ToCCMail         StepCounts `json:"to_ccmail"`
	ToExchange       StepCounts `json:"to_exchange"`
}

// StepCounts counts the steps of one direction by operation.
type StepCounts struct {
	Keep    int `json:"keep"`
	Add     int `json:"add"`
	Delete  int `json:"delete"`
	Replace int `json:"replace"`
	Modify  int `json:"modify"`
	Adopt   int `json:"adopt"`
	Refuse  int `json:"refuse"`
	Hold    int `json:"hold"`
}

// CountSteps counts the steps of a side.
func (s Side) CountSteps() StepCounts {
	var n StepCounts
	for _, t := range s.Tally {
		n.Keep += t.Keep
	}
	for _, step := range s.Steps {
		switch step.Op {
		case Keep:
		case Add:
			n.Add++
		case Delete:
			n.Delete++
		case Replace:
			n.Replace++
		case Modify:
			n.Modify++
		case Adopt:
			n.Adopt++
		case Refuse:
			n.Refuse++
		case Hold:
			n.Hold++
		}
	}
	return n
}

// Writes is the number of steps that write.
func (n StepCounts) Writes() int {
	return n.Add + n.Delete + n.Replace + n.Modify + n.Adopt
}

// Writes reports whether the plan has a step that writes.
func (p Plan) Writes() bool {
	return p.Counts.ToCCMail.Writes()+p.Counts.ToExchange.Writes() > 0
}

// Open reports whether the plan has refused or held entries.
func (p Plan) Open() bool {
	for _, n := range []StepCounts{p.Counts.ToCCMail, p.Counts.ToExchange} {
		if n.Refuse+n.Hold > 0 {
			return true
		}
	}
	return false
}

// Identify gives the plan its ID: twelve hexadecimal digits that are the same
// for the same steps of the same connector.
func (p *Plan) Identify() error {
	data, err := json.Marshal(struct {
		Connector            string
		ToCCMail, ToExchange []Step
	}{p.Connector, p.ToCCMail, p.ToExchange})
	if err != nil {
		return fmt.Errorf("identify the plan of %s: %w", p.Connector, err)
	}
	sum := sha256.Sum256(data)
	p.ID = hex.EncodeToString(sum[:6])
	return nil
}
