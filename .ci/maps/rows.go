package main

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// row is a row of one of the tables: a requirement of ASVS, or a risk of APIs.
type row struct {
	id    string // V1.2.3, or API1
	level string // of a requirement, 1 or 2
	what  string
	state string
	why   string // the tests, pages or reasons
}

// The states of a row.
const (
	proven        = "proven"         // tests show it
	documented    = "documented"     // it asks for a page, which exists
	operators     = "the operator's" // the operator has to meet it, and a page says how
	notApplicable = "not applicable" // the server does not have the feature
	open          = "open"           // it is not met, or no test shows it
)

var states = []string{proven, documented, operators, notApplicable, open}

// perLevel is the number of requirements of ASVS 5.0.0, by level.
var perLevel = map[string]int{"1": 70, "2": 183}

// riskCount is the number of risks of the API Security Top 10.
const riskCount = 10

// read returns the rows of a page. A row that has too many or too few cells has no state.
func read(page string) (requirements, risks []row) {
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 2:
		case strings.HasPrefix(cells[1], "V"):
			r := row{id: cells[1]}
			if len(cells) == 7 {
				r = row{cells[1], cells[2], cells[3], cells[4], cells[5]}
			}
			requirements = append(requirements, r)
		case strings.HasPrefix(cells[1], "API"):
			r := row{id: cells[1]}
			if len(cells) == 6 {
				r = row{cells[1], "", cells[2], cells[3], cells[4]}
			}
			risks = append(risks, r)
		}
	}
	return requirements, risks
}

var requirementID = regexp.MustCompile(`^V([1-9]\d?)\.([1-9]\d?)\.([1-9]\d?)$`)

// checkIDs checks that the ids are well-formed, ascend, and are as many as there are requirements
// and risks.
func checkIDs(requirements, risks []row) (wrong []string) {
	levels := map[string]int{}
	var before []int
	for _, r := range requirements {
		levels[r.level]++
		if perLevel[r.level] == 0 {
			wrong = append(wrong, fmt.Sprintf("%s: the level is %q, not 1 or 2", r.id, r.level))
		}
		parts := requirementID.FindStringSubmatch(r.id)
		if parts == nil {
			wrong = append(wrong, r.id+": not the id of a requirement, like V1.2.3")
			continue
		}
		var id []int
		for _, part := range parts[1:] {
			n, _ := strconv.Atoi(part) // the expression admits digits only
			id = append(id, n)
		}
		if slices.Compare(before, id) >= 0 {
			wrong = append(wrong, r.id+": stands behind itself or a later requirement")
		}
		before = id
	}
	for _, level := range []string{"1", "2"} {
		if levels[level] != perLevel[level] {
			wrong = append(wrong, fmt.Sprintf("%d requirements of level %s, not %d", levels[level], level, perLevel[level]))
		}
	}
	for i, r := range risks {
		if want := fmt.Sprintf("API%d", i+1); r.id != want {
			wrong = append(wrong, fmt.Sprintf("%s: stands in the place of %s", r.id, want))
		}
	}
	if len(risks) != riskCount {
		wrong = append(wrong, fmt.Sprintf("%d risks of APIs, not %d", len(risks), riskCount))
	}
	return wrong
}

var (
	span = regexp.MustCompile("`([^`]*)`")
	link = regexp.MustCompile(`\]\(([^)]*)\)`)
	word = regexp.MustCompile(`\pL{2,}`)
)

// checkRows checks that each row has what its state needs, and that the tests and pages that it
// names exist in the module.
func checkRows(module fs.FS, rows []row) (wrong []string) {
	source := source{module: module}
	for _, r := range rows {
		complain := func(format string, args ...any) {
			wrong = append(wrong, r.id+": "+fmt.Sprintf(format, args...))
		}
		if r.what == "" || !slices.Contains(states, r.state) {
			complain("has no text, or the state %q, which is none of %q", r.state, states)
			continue
		}
		tests, links := 0, link.FindAllStringSubmatch(r.why, -1)
		for _, s := range span.FindAllStringSubmatch(r.why, -1) {
			pkg, name, isPair := strings.Cut(s[1], " ")
			if !isPair || !strings.Contains(pkg, "/") && !isTestName(name) {
				continue
			}
			tests++
			if err := source.has(pkg, name); err != nil {
				complain("%v", err)
			}
		}
		for _, l := range links {
			if err := source.hasPage(l[1]); err != nil {
				complain("%v", err)
			}
		}
		switch {
		case r.state == proven && tests == 0:
			complain("is proven by no test")
		case (r.state == documented || r.state == operators) && len(links) == 0:
			complain("names no page")
		case (r.state == notApplicable || r.state == open) && len(word.FindAllString(span.ReplaceAllString(r.why, ""), 2)) < 2:
			complain("is %s for no reason", r.state)
		}
	}
	return wrong
}

// count returns the number of rows of each state.
func count(rows []row) string {
	var counts []string
	for _, state := range states {
		n := 0
		for _, r := range rows {
			if r.state == state {
				n++
			}
		}
		counts = append(counts, fmt.Sprintf("%d %s", n, state))
	}
	return strings.Join(counts, ", ")
}
