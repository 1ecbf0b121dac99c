package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	faultPage   = "../../docs/faults.md"
	scriptsDir  = "testdata/script"
	faultCount  = 39 // of the articles' list
	notApplying = "Does not apply: "
)

// faultRow is a row of the table in docs/faults.md.
type faultRow struct {
	number, fault, articles, answer string
	scripts                         []string
}

func faultRows(t *testing.T) []faultRow {
	t.Helper()
	page, err := os.ReadFile(faultPage)
	if err != nil {
		t.Fatal(err)
	}
	var rows []faultRow
	for line := range strings.Lines(string(page)) {
		if !regexp.MustCompile(`^\| *\d`).MatchString(line) {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 {
			t.Fatalf("%s: a row has %d cells, not 5: %s", faultPage, len(cells), line)
		}
		for i := range cells {
			if cells[i] = strings.TrimSpace(cells[i]); cells[i] == "" {
				t.Errorf("%s: cell %d is empty: %s", faultPage, i+1, line)
			}
		}
		row := faultRow{number: cells[0], fault: cells[1], articles: cells[2], answer: cells[3]}
		if cells[4] != "none" {
			row.scripts = strings.Split(strings.ReplaceAll(cells[4], "`", ""), ", ")
		}
		rows = append(rows, row)
	}
	return rows
}

// Every fault is there once and either has a test or says why it has none.
func TestFaultPageIsWhole(t *testing.T) {
	t.Parallel()
	rows := faultRows(t)
	if len(rows) != faultCount {
		t.Errorf("%s has %d rows, not %d", faultPage, len(rows), faultCount)
	}
	for i, row := range rows {
		if row.number != strconv.Itoa(i+1) {
			t.Errorf("row %d of %s has the number %s", i+1, faultPage, row.number)
		}
		if excused := strings.HasPrefix(row.answer, notApplying); excused == (len(row.scripts) > 0) {
			t.Errorf("row %s of %s: a fault has tests, or begins with %q; this one: %q, %q",
				row.number, faultPage, notApplying, row.answer, row.scripts)
		}
	}
}

// A script that the page names is there, bears the name of an article of its
// row, and cites it in its first line.
func TestFaultScriptsAreThere(t *testing.T) {
	t.Parallel()
	for _, row := range faultRows(t) {
		for _, script := range row.scripts {
			text, err := os.ReadFile(filepath.Join(scriptsDir, script+".txtar"))
			if err != nil {
				t.Errorf("row %s of %s: %v", row.number, faultPage, err)
				continue
			}
			first, _, _ := strings.Cut(string(text), "\n")
			if !slices.ContainsFunc(strings.Split(row.articles, ", "), func(article string) bool {
				return strings.HasPrefix(script, scriptPrefix(article)) && strings.Contains(first, article)
			}) {
				t.Errorf("row %s of %s: %s has not the name of an article of %s, or does not cite it in its first line",
					row.number, faultPage, script, row.articles)
			}
		}
	}
}

// scriptPrefix is how the name of a script about an article begins: that of
// RN 2.6.4 with rn2_6_4_.
func scriptPrefix(article string) string {
	return strings.NewReplacer(" ", "", ".", "_", ":", "").Replace(strings.ToLower(article)) + "_"
}

// No script of an article is missing from the page.
func TestFaultPageNamesAllScripts(t *testing.T) {
	t.Parallel()
	var named []string
	for _, row := range faultRows(t) {
		named = append(named, row.scripts...)
	}
	files, err := filepath.Glob(filepath.Join(scriptsDir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	ofArticle := regexp.MustCompile(`^(q|rn|og|mg)\d`)
	for _, file := range files {
		script := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if ofArticle.MatchString(script) && !slices.Contains(named, script) {
			t.Errorf("%s does not name %s", faultPage, script)
		}
	}
}
