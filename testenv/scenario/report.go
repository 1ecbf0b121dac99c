package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What docs/configuration.md says of the JSON output. Fields that must be
// there are pointers, so that one that is missing is found.
type (
	reportJSON struct {
		Run        int64                      `json:"run"`
		State      string                     `json:"state"`
		Started    time.Time                  `json:"started"`
		Ended      time.Time                  `json:"ended"`
		Connector  *string                    `json:"connector"`
		PlanID     *string                    `json:"plan_id"`
		Purpose    string                     `json:"purpose"`
		Counts     map[string]json.RawMessage `json:"counts"`
		ToCCMail   *[]stepJSON                `json:"to_ccmail"`
		ToExchange *[]stepJSON                `json:"to_exchange"`
		Guards     *[]guardJSON               `json:"guards"`
		Reads      []readJSON                 `json:"reads"`
		Warnings   []string                   `json:"warnings"`
		Error      string                     `json:"error"`
	}
	stepJSON struct {
		Op      string       `json:"op"`
		Kind    string       `json:"kind"`
		Name    *string      `json:"name"`
		Address string       `json:"address"`
		DN      string       `json:"dn"`
		Reason  string       `json:"reason"`
		Event   int          `json:"event"`
		Changes []changeJSON `json:"changes"`
		Outcome string       `json:"outcome"`
		Error   string       `json:"error"`
	}
	changeJSON struct {
		Attr *string `json:"attr"`
		Old  *string `json:"old"`
		New  *string `json:"new"`
	}
	readJSON struct {
		Base        *string `json:"base"`
		Recipients  *int    `json:"recipients"`
		SinceRun    int64   `json:"since_run"`
		Changed     int     `json:"changed"`
		Gone        int     `json:"gone"`
		Whole       string  `json:"whole_because"`
		Differences int     `json:"differences"`
	}
	guardJSON struct {
		Name     *string `json:"name"`
		Limit    *int    `json:"limit"`
		Found    *int    `json:"found"`
		Tripped  *bool   `json:"tripped"`
		Approved bool    `json:"approved"`
		Detail   string  `json:"detail"`
	}
)

// checkReports checks the JSON output of plan, run or show.
func (c *call) checkReports() error {
	text, connectors := c.ts.ReadFile(c.args[0]), c.args[1:]
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(connectors) || !strings.HasSuffix(text, "\n") {
		return fmt.Errorf("%d lines, expected one for each of %d connectors", len(lines), len(connectors))
	}
	for i, line := range lines {
		if err := checkReport(line, connectors[i]); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return nil
}

var planID = regexp.MustCompile(`^[0-9a-f]{12}$`)

// planIDFits reports whether there is a plan ID, which a cycle that ended
// before it had a plan leaves empty.
func (r reportJSON) planIDFits() bool {
	if r.PlanID == nil {
		return false
	}
	return planID.MatchString(*r.PlanID) || *r.PlanID == "" && r.Error != ""
}

func (r readJSON) isWrong() bool {
	return r.Base == nil || r.Recipients == nil || r.SinceRun != 0 && r.Whole != ""
}

func (g guardJSON) isWrong() bool {
	return g.Name == nil || g.Limit == nil || g.Found == nil || g.Tripped == nil
}

func checkReport(line, connector string) error {
	var r reportJSON
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return err
	}
	switch {
	case decoder.More():
		return errors.New("there is more than one object")
	case r.Connector == nil || *r.Connector != connector:
		return fmt.Errorf("connector is not %q", connector)
	case !r.planIDFits():
		return errors.New("plan_id is not of twelve hexadecimal digits, nor empty with an error")
	case r.Counts == nil, r.ToCCMail == nil, r.ToExchange == nil, r.Guards == nil:
		return errors.New("one of counts, to_ccmail, to_exchange, guards is missing")
	}
	for i, s := range slices.Concat(*r.ToCCMail, *r.ToExchange) {
		if err := s.check(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	if slices.ContainsFunc(r.Reads, readJSON.isWrong) {
		return errors.New("a read has no base or recipients, or it was of changes and whole")
	}
	if slices.ContainsFunc(*r.Guards, guardJSON.isWrong) {
		return errors.New("of a guard, one of name, limit, found, tripped is missing")
	}
	return nil
}

func (s stepJSON) check() error {
	for _, word := range []struct {
		field, value string
		known        []string
	}{
		{"op", s.Op, []string{"add", "delete", "replace", "modify", "refuse", "hold", "adopt"}},
		{"kind", s.Kind, []string{"mailbox", "list", "folder", "custom_recipient", "post_office", "user", "board"}},
		{"outcome", s.Outcome, []string{"", "done", "failed", "held"}},
	} {
		if !slices.Contains(word.known, word.value) {
			return fmt.Errorf("%s %q is not known", word.field, word.value)
		}
	}
	if s.Name == nil || s.Reason == "" {
		return errors.New("name or reason is missing")
	}
	for _, c := range s.Changes {
		if c.Attr == nil || c.Old == nil || c.New == nil {
			return errors.New("one of attr, old, new is missing in a change")
		}
	}
	return nil
}
