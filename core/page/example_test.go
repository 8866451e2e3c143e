package page_test

import (
	"fmt"

	"github.com/cicerone-go/cicerone/core/page"
)

// A list of cities ordered by name is read in pages of two. Each page begins after the last city of
// the page before.
func Example() {
	cities := []string{"Athens", "Bergen", "Cork", "Delft", "Evora"}
	fetch := func(after *string, limit int) ([]string, error) {
		var found []string
		for _, city := range cities {
			if (after == nil || city > *after) && len(found) < limit {
				found = append(found, city)
			}
		}
		return found, nil
	}
	name := func(city string) string { return city }

	for r, more := (page.Request[string]{Limit: 2}), true; more; {
		p, err := page.Read(r, name, fetch)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Items)
		r.After, more = p.Next, p.Next != nil
	}
	// Output:
	// [Athens Bergen]
	// [Cork Delft]
	// [Evora]
}
