package httpapi_test

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// TestReadme holds the page to what is served: its routes with who may call them and with what
// status they answer, and its status codes.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Routes\n")
	var onPage, served []string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], " /") {
			continue
		}
		status := "200"
		for _, other := range []string{"201", "202", "204"} {
			if slices.Contains(strings.FieldsFunc(cells[3], func(r rune) bool { return r == ' ' || r == ',' }), other) {
				status = other
			}
		}
		onPage = append(onPage, strings.TrimSpace(cells[1])+" "+strings.TrimSpace(cells[2])+" "+status)
	}
	w := newWorld(t)
	for _, route := range w.api.Server().Routes() {
		who, answers := "anyone", routeTable[route.Name].want
		switch {
		case slices.Contains(answers[:], http.StatusForbidden):
			who = "admin"
		case len(route.Security) > 0:
			who = "user"
		}
		served = append(served, route.Method+" "+route.Path+" "+who+" "+strconv.Itoa(route.Status))
	}
	slices.Sort(onPage)
	slices.Sort(served)
	for _, r := range onPage {
		if !slices.Contains(served, r) {
			t.Errorf("README.md has the route %s, which does not exist", r)
		}
	}
	for _, r := range served {
		if !slices.Contains(onPage, r) {
			t.Errorf("README.md does not have the route %s", r)
		}
	}

	_, section, _ = strings.Cut(string(page), "\n## Refusals\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var statuses []int
	for line := range strings.Lines(section) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			if status, err := strconv.Atoi(strings.TrimSpace(cells[1])); err == nil {
				statuses = append(statuses, status)
			}
		}
	}
	for status := 400; status < 600; status++ {
		isKnown := kithttp.StatusOf(kithttp.KindOf(status)) == status
		if isKnown != slices.Contains(statuses, status) {
			t.Errorf("status %d: in README.md: %v; of a kind of error: %v", status, !isKnown, isKnown)
		}
	}
}
