package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestRead(t *testing.T) {
	requirements, risks := read(`# A page
| id | level | requirement | state | tests, pages or reason |
|---|---|---|---|---|
| V1.2.3 | 2 | it is so | proven | ` + "`core/a TestA`" + ` |
| V1.2.4 | 2 | a cell too few | open |

| risk | | state | tests, pages or reason |
|---|---|---|---|
| API1 | others' objects | open | not yet tried |
`)
	wanted := []row{{"V1.2.3", "2", "it is so", proven, "`core/a TestA`"}, {id: "V1.2.4"}}
	if !slices.Equal(requirements, wanted) {
		t.Errorf("the requirements are %+v, want %+v", requirements, wanted)
	}
	if want := []row{{"API1", "", "others' objects", open, "not yet tried"}}; !slices.Equal(risks, want) {
		t.Errorf("the risks are %+v, want %+v", risks, want)
	}
}

// complete returns as many rows as there must be.
func complete() (requirements, risks []row) {
	for level, n := range perLevel {
		for i := range n {
			requirements = append(requirements, row{id: fmt.Sprintf("V%s.%d.%d", level, 1+i/50, 1+i%50), level: level})
		}
	}
	slices.SortFunc(requirements, func(a, b row) int {
		var x, y [3]int
		_, _ = fmt.Sscanf(a.id, "V%d.%d.%d", &x[0], &x[1], &x[2])
		_, _ = fmt.Sscanf(b.id, "V%d.%d.%d", &y[0], &y[1], &y[2])
		return slices.Compare(x[:], y[:])
	})
	for i := range riskCount {
		risks = append(risks, row{id: fmt.Sprintf("API%d", i+1)})
	}
	return requirements, risks
}

func TestCheckIDs(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(requirements, risks []row) ([]row, []row)
		want  []string
	}{
		"complete":   {func(q, r []row) ([]row, []row) { return q, r }, nil},
		"missing":    {func(q, r []row) ([]row, []row) { return q[1:], r }, []string{"69 requirements of level 1"}},
		"double":     {func(q, r []row) ([]row, []row) { q[1].id = q[0].id; return q, r }, []string{"V1.1.1: stands behind"}},
		"order":      {func(q, r []row) ([]row, []row) { q[0], q[1] = q[1], q[0]; return q, r }, []string{"V1.1.1: stands behind"}},
		"form":       {func(q, r []row) ([]row, []row) { q[0].id = "V1.1"; return q, r }, []string{"V1.1: not the id"}},
		"level":      {func(q, r []row) ([]row, []row) { q[0].level = "3"; return q, r }, []string{`V1.1.1: the level is "3"`, "69 requirements of level 1"}},
		"risk":       {func(q, r []row) ([]row, []row) { return q, r[:9] }, []string{"9 risks"}},
		"other risk": {func(q, r []row) ([]row, []row) { r[4].id = "API4"; return q, r }, []string{"API4: stands in the place of API5"}},
	} {
		t.Run(name, func(t *testing.T) { expect(t, checkIDs(c.spoil(complete())), c.want...) })
	}
}

// expect fails the test unless there are as many mistakes as wanted, and each begins with its text.
func expect(t *testing.T, wrong []string, want ...string) {
	t.Helper()
	ok := len(wrong) == len(want)
	for i := range min(len(wrong), len(want)) {
		ok = ok && strings.HasPrefix(wrong[i], want[i])
	}
	if !ok {
		t.Errorf("the mistakes are %q, want %q", wrong, want)
	}
}

var module = fstest.MapFS{
	"core/a/a_test.go": {Data: []byte(`package a

func TestA(t *testing.T) {}

func (x) TestOfAType(t *testing.T) {}

// func TestInAComment(t *testing.T) {}
`)},
	"core/a/a.go":           {Data: []byte("package a\n\nfunc TestInNoTestFile() {}\n")},
	"wiring/b_test.go":      {Data: []byte("package wiring\n\nfunc FuzzB(f *testing.F) {}\n")},
	"ports/porttest/a.go":   {Data: []byte("package porttest\n\nvar first = []test{\n\t{\"it works\", works},\n}\n\nvar unused = []test{{\"it is not run\", works}}\n")},
	"ports/porttest/b.go":   {Data: []byte("package porttest\n\nvar suites = []suite{\n\t{\"users\", first},\n}\n")},
	".github/SECURITY.md":   {Data: []byte("# Security\n\n## What is not promised\n")},
	"transport/README.md":   {Data: []byte("# The API\n")},
	"core/broken/a_test.go": {Data: []byte("package broken\n\nfunc {\n")},
}

func TestCheckRows(t *testing.T) {
	for _, c := range []struct {
		state, why string
		want       []string
	}{
		{proven, "`core/a TestA`, `wiring FuzzB`, `ports/porttest users/it works`", nil},
		{proven, "`core/a TestB`", []string{`V1.1.1: core/a has no test "TestB"`}},
		{proven, "`core/a TestOfAType`", []string{"V1.1.1: core/a has no test"}},
		{proven, "`core/a TestInAComment`", []string{"V1.1.1: core/a has no test"}},
		{proven, "`core/a TestInNoTestFile`", []string{"V1.1.1: core/a has no test"}},
		{proven, "`core/c TestA`", []string{"V1.1.1: core/c has no test"}},
		{proven, "`core/a testA`", []string{"V1.1.1: core/a has no test"}},
		{proven, "`core/broken TestA`", []string{"V1.1.1: read the tests of core/broken"}},
		{proven, "`ports/porttest users/it fails`", []string{"V1.1.1: ports/porttest has no test"}},
		{proven, "`ports/porttest users/it is not run`", []string{"V1.1.1: ports/porttest has no test"}},
		{proven, "it is so", []string{"V1.1.1: is proven by no test"}},
		{proven, "`--flag x`", []string{"V1.1.1: is proven by no test"}},
		{documented, "[page](SECURITY.md#what-is-not-promised), [page](../transport/README.md)", nil},
		{documented, "in a page", []string{"V1.1.1: names no page"}},
		{operators, "`core/a TestA`", []string{"V1.1.1: names no page"}},
		{operators, "[page](SECURITY.md#what-is)", []string{"V1.1.1: the link SECURITY.md#what-is"}},
		{operators, "[page](../none/README.md)", []string{"V1.1.1: the link ../none/README.md"}},
		{notApplicable, "There are no cookies.", nil},
		{notApplicable, "", []string{"V1.1.1: is not applicable for no reason"}},
		{open, "Only in part: `core/a TestA`", nil},
		{open, "Only in part: `core/a TestB`", []string{"V1.1.1: core/a has no test"}},
		{open, "`core/a TestA`", []string{"V1.1.1: is open for no reason"}},
		{"done", "It is so.", []string{"V1.1.1: has no text, or the state"}},
	} {
		t.Run(c.state+" "+c.why, func(t *testing.T) {
			expect(t, checkRows(module, []row{{"V1.1.1", "1", "it is so", c.state, c.why}}), c.want...)
		})
	}
	expect(t, checkRows(module, []row{{id: "V1.1.1", state: open, why: "not yet tried"}}), "V1.1.1: has no text")
}

func TestCount(t *testing.T) {
	got := count([]row{{state: open}, {state: proven}, {state: open}})
	if want := "1 proven, 0 documented, 0 the operator's, 0 not applicable, 2 open"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
