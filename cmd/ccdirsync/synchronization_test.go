package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/slapd"
)

// told is what a report in JSON tells of a cycle.
type told struct {
	Run        int64           `json:"run"`
	PlanID     string          `json:"plan_id"`
	ToCCMail   json.RawMessage `json:"to_ccmail"`
	ToExchange json.RawMessage `json:"to_exchange"`
	Reads      []cycle.Reading `json:"reads"`
	Warnings   []string        `json:"warnings"`
}

// reports runs a command that reads one base and gives back what it reports.
func (s site) reports(t *testing.T, command string) (told, cycle.Reading) {
	t.Helper()
	var report told
	out := s.does(t, exitDone, command+" -o json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Reads) != 1 {
		t.Fatalf("%s does not tell of one read: %v: %s", command, err, out)
	}
	if len(report.Warnings) > 0 {
		t.Errorf("%s warns: %q", command, report.Warnings)
	}
	return report, report.Reads[0]
}

// Whole cycles on a server that synchronizes, whether or not it remembers what
// was deleted: after the first run only changes are read, and what they lead to
// is what reading everything does.
func TestOpenLDAPSynchronizes(t *testing.T) {
	t.Parallel()
	for _, sessionLog := range []int{0, 100} {
		t.Run(fmt.Sprintf("session log %d", sessionLog), func(t *testing.T) {
			t.Parallel()
			s := onSlapd(t, "openldap.yaml", "cn=dirsync,ou=services,"+contoso, slapd.Options{
				Schema: slapd.Standard, LDIF: standardTree, Syncrepl: true, SessionLog: sessionLog,
			})
			first, whole := s.reports(t, "run")
			if whole.Since != 0 || whole.Recipients != 3 || whole.Whole != "nothing was kept of an earlier read" {
				t.Errorf("the first run read %+v", whole)
			}
			// What a run wrote is a change for the next one.
			second, written := s.reports(t, "run")
			if written.Since != first.Run || written.Changed == 0 || written.Gone != 0 {
				t.Errorf("the second run read %+v", written)
			}

			people := ",ou=people," + contoso
			s.change(t,
				"dn: uid=nina"+people+"\nchangetype: add\nobjectClass: inetOrgPerson\nuid: nina\ncn: Nina New\nsn: New\ngivenName: Nina\n",
				"dn: uid=marta"+people+"\nchangetype: modify\nreplace: sn\nsn: Quill\n",
				"dn: cn=Leo Leaver"+people+"\nchangetype: delete\n")
			planned, read := s.reports(t, "plan")
			if read.Since != second.Run || read.Changed != 2 || read.Gone != 1 || read.Recipients != written.Recipients {
				t.Errorf("changes that were not followed: %+v", read)
			}
			for _, name := range []string{"New, Nina", "Quill, Marta", "Leaver, Leo"} {
				if !strings.Contains(string(planned.ToCCMail), name) {
					t.Errorf("%s is not in the plan: %s", name, planned.ToCCMail)
				}
			}
			full, all := s.reports(t, "plan --full")
			if all.Since != 0 || all.Recipients != read.Recipients || full.PlanID != planned.PlanID ||
				string(full.ToCCMail) != string(planned.ToCCMail) || string(full.ToExchange) != string(planned.ToExchange) {
				t.Errorf("reading changes led to %+v\nreading everything, %+v, to %+v", planned, all, full)
			}
			if _, read = s.reports(t, "run"); read.Since != second.Run || read.Changed != 2 || read.Gone != 1 {
				t.Errorf("the run read %+v", read)
			}
			s.settled(t)
		})
	}
}

// change makes changes in the directory, each a record of LDIF.
func (s site) change(t *testing.T, records ...string) {
	t.Helper()
	if err := s.slapd.Load(t.Context(), strings.Join(records, "\n")); err != nil {
		t.Fatal(err)
	}
}
