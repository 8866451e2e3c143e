package coretest_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The tests below hold core's page to what is built.

// readme returns the rows of the first table behind a heading of core's page, without the table's own heading.
func readme(t *testing.T, heading string) [][]string {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	if !found {
		t.Fatalf("the page has no heading %q", heading)
	}
	var rows [][]string
	for line := range strings.Lines(section) {
		if cells, isRow := strings.CutPrefix(strings.TrimSpace(line), "|"); isRow {
			row := strings.Split(strings.TrimSuffix(cells, "|"), "|")
			for i := range row {
				row[i] = strings.TrimSpace(row[i])
			}
			rows = append(rows, row)
		} else if len(rows) > 0 {
			break
		}
	}
	if len(rows) < 3 {
		t.Fatalf("there is no table behind %q", heading)
	}
	return rows[2:]
}

// equal fails the test unless both hold the same texts, in any order.
func equal(t *testing.T, what string, page, built []string) {
	t.Helper()
	slices.Sort(page)
	slices.Sort(built)
	if !slices.Equal(page, built) {
		t.Errorf("%s: the page has\n%q\nbuilt is\n%q", what, page, built)
	}
}

func TestReadmeNamesTheModel(t *testing.T) {
	var page, built []string
	for _, row := range readme(t, "## The model") {
		fields := strings.Split(row[1], ", ")
		slices.Sort(fields)
		page = append(page, row[0]+": "+strings.Join(fields, " "))
	}
	for _, table := range ports.Tables {
		var columns []string
		for _, column := range table.Columns {
			columns = append(columns, column.Name)
		}
		slices.Sort(columns)
		built = append(built, table.Name+": "+strings.Join(columns, " "))
	}
	equal(t, "entities", page, built)
}

func TestReadmeNamesTheTypesOfTransactions(t *testing.T) {
	var page, built []string
	for _, row := range readme(t, "### Types of transactions") {
		page = append(page, row[0]+": "+row[1])
	}
	for _, kind := range tokens.Types {
		var may []string
		if kind.Allows(1) {
			may = append(may, "credit")
		}
		if kind.Allows(-1) {
			may = append(may, "debit")
		}
		built = append(built, string(kind)+": "+strings.Join(may, " or "))
	}
	equal(t, "types", page, built)
}

func TestReadmeNamesThePolicies(t *testing.T) {
	var page, built []string
	for _, row := range readme(t, "## Policies") {
		page = append(page, row[0]+": "+row[1])
	}
	for domain, policy := range map[string]any{
		"Users": users.DefaultPolicy(), "Moderation": moderation.DefaultPolicy(), "Tokens": tokens.DefaultPolicy(), "Messaging": messaging.DefaultPolicy(), "Reservations": reservations.DefaultPolicy(),
		"Notifications": notifications.DefaultPolicy(),
	} {
		v := reflect.ValueOf(policy)
		for i := range v.NumField() {
			value := fmt.Sprint(v.Field(i).Interface())
			if value == "" {
				value = "–"
			}
			built = append(built, domain+"."+v.Type().Field(i).Name+": "+value)
		}
	}
	equal(t, "policies", page, built)
}

func TestReadmeNamesTheStatuses(t *testing.T) {
	statuses := func(heading string) []string {
		var page []string
		for _, row := range readme(t, heading) {
			for _, cell := range row[:2] {
				for status := range strings.SplitSeq(cell, ", ") {
					if status != "–" && !slices.Contains(page, status) {
						page = append(page, status)
					}
				}
			}
		}
		return page
	}
	equal(t, "statuses of reservations", statuses("## Reservations"), []string{
		string(reservations.Pending), string(reservations.Accepted), string(reservations.Declined),
		string(reservations.Cancelled), string(reservations.Completed), string(reservations.Expired),
	})
	equal(t, "statuses of reports", statuses("## Moderation"), []string{
		string(moderation.Pending), string(moderation.Reviewed), string(moderation.Resolved), string(moderation.Dismissed),
	})
}
